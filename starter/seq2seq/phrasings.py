"""The words of the reports: each fact in several phrasings, and what does not matter."""

# Slots are named for the kind of thing that they hold and numbered, so that a summary can name the same thing.
INCIDENT = (
    (
        "{service1} stopped answering at {time1}.",
        "At {time1} {service1} went down.",
        "Nobody could reach {service1} after {time1}.",
        "Since {time1} every call to {service1} had failed.",
    ),
    (
        "The cause was {cause1}.",
        "It was traced to {cause1}.",
        "The logs pointed to {cause1}.",
        "Blame fell on {cause1}.",
    ),
    (
        "{person1} brought it back at {time2}.",
        "At {time2} it was back, thanks to {person1}.",
        "The work of {person1} ended the trouble at {time2}.",
        "By {time2} {person1} had mended it.",
    ),
)
INCIDENT_ASIDES = (
    "{service} was not affected.",
    "{person} was told at {time}.",
    "{number} users wrote in.",
    "A backup of {service} ran at {time}.",
    "{person} suspected {service} at first.",
    "{service} had been updated by {person}.",
    "{person} ruled out {cause}.",
    "At {time} {person} went home.",
)
MEETING = (
    (
        "{person1} met {person2} in {place1}.",
        "{person1} and {person2} talked in {place1}.",
        "In {place1} {person1} sat down with {person2}.",
        "A call brought {person1} and {person2} together.",
    ),
    (
        "They moved {event1} to {day1}.",
        "It was agreed that {event1} will be on {day1}.",
        "So {event1} was put off until {day1}.",
        "For {event1} they settled on {day1}.",
    ),
    (
        "{person3} will tell {firm1} by {time1}.",
        "{firm1} will hear of it from {person3} by {time1}.",
        "It falls to {person3} to inform {firm1} by {time1}.",
        "By {time1} {firm1} will have word from {person3}.",
    ),
)
MEETING_ASIDES = (
    "{person} sent regrets.",
    "{person} had asked for {number} chairs.",
    "Coffee was served at {time}.",
    "Last year {event} had been on {day}.",
    "{person} would have liked {day} better.",
    "{firm} was not mentioned.",
    "{person} came from {place} and left at {time}.",
    "Nothing was said about {event}.",
)
LOG_ASIDES = (
    "{time} {person} logged in.",
    "{time} backup of {service} began.",
    "{person} logged out at {time}.",
    "{number} files were rotated.",
    "{time} {service} was not checked.",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STATES = ("full", "broken", "worn", "faulty", "stale", "missing", "wrong", "slow", "loose", "leaking")
FAULTS = ("disk", "cable", "certificate", "cache", "switch", "key", "queue", "battery", "fan", "sensor")
TOPICS = ("budget", "spring", "safety", "harbour", "garden", "staff", "music", "bridge", "winter", "museum")
EVENTS = ("review", "sale", "talk", "audit", "party", "tour", "vote", "lesson", "dinner", "survey")
