"""Peers of the text service, each run by the Python of an environment of its own; `protocol` is what they share."""
