"""What the reports and sentences promise: answers that follow from them, and hold-outs that training never sees."""

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starter.seq2seq import reports, tesk
from starter.seq2seq.data import TASKS, sample, sample_held_out
from starter.seq2seq.example import COMBINATIONS, KINDS, LENGTHS, compose, held_out
from starter.seq2seq.lexicon import lexicon
from starter.seq2seq.phrasings import EVENTS, FAULTS, STATES, TOPICS
from starter.text.names import held_out_name

seeds = st.integers(0, 2**32)
# Words that look like names but are not made up.
KNOWN = set(
    re.findall(r"\w+", " ".join(word for words in lexicon().values() for w in words for word in w.forms))
)


def combined(text: str) -> set[str]:
    """Causes and events that a text names."""
    causes = (f"a {state} {fault}" for state in STATES for fault in FAULTS)
    events = (f"the {topic} {event}" for topic in TOPICS for event in EVENTS)
    return {words for words in (*causes, *events) if words in text}


@pytest.mark.parametrize("task", TASKS)
def test_examples_depend_on_the_seed_alone(task: str) -> None:
    first, again, other = (
        [sample(random.Random(f"{seed} {i}"), task) for i in range(20)] for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert len({example.source for example in first}) == 20


@settings(max_examples=200, deadline=None)
@given(seeds, st.sampled_from(sorted(TASKS)))
def test_training_never_sees_what_is_held_out(seed: int, task: str) -> None:
    example = sample(random.Random(seed), task)
    assert not example.held
    if task == "summary":
        assert not any(map(held_out, combined(example.source)))
        assert len(re.findall(r"\.(?: |$)", example.source)) <= reports.MOST_SENTENCES
        capitalised = [example.source[slice(*span)] for _, span in example.links]
        names = [word for word in capitalised if re.fullmatch(r"[A-Z][a-z]+", word)]
        assert not any(held_out_name(name) for name in names if not name.endswith("day"))
    else:
        said = example.source.removeprefix(tesk.PREFIX)
        assert len(said.split()) <= tesk.MOST_WORDS
        names = [word for word in re.findall(r"\b[A-Z][a-z]+", said) if word.lower() not in KNOWN]
        assert not any(
            held_out_name(n) for n in names if n not in ("A", "An", "The", "Do", "Does", "Did", "Will")
        )


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(sorted(TASKS)), st.sampled_from(KINDS))
def test_what_is_held_out_is_what_was_asked_for(seed: int, task: str, kind: str) -> None:
    example = sample_held_out(random.Random(seed), task, kind)
    assert example.held == {kind} - {"names"}
    if task == "summary":
        assert example.target.endswith("passed.") or any(
            held_out_name(example.target[slice(*span)]) for span, _ in example.links
        )
        if kind == COMBINATIONS:
            assert any(map(held_out, combined(example.target)))
        if kind == LENGTHS:
            assert len(re.findall(r"\.(?: |$)", example.source)) > reports.MOST_SENTENCES
    elif kind == LENGTHS:
        assert len(example.source.removeprefix(tesk.PREFIX).split()) > tesk.MOST_WORDS


@settings(max_examples=200, deadline=None)
@given(seeds, st.booleans())
def test_what_a_summary_says_is_in_the_report(seed: int, held_out_names: bool) -> None:
    example = reports.sample_report(random.Random(seed), held_out_names=held_out_names)
    assert example.source.startswith(reports.PREFIX)
    linked = {example.target[slice(*span)] for span, _ in example.links}
    for span, other in example.links:
        assert example.target[slice(*span)] == example.source[slice(*other)]
    assert set(re.findall(r"\d\d:\d\d", example.target)) <= linked
    if "check" in example.target or " failed." in example.target:  # a log
        failed = re.findall(r"\berror (\d{3})", example.source)
        assert re.findall(r"error (\d{3})", example.target) == failed
        assert (example.target == "All checks passed.") == (not failed)


STEMS = {form: word.stem for words in lexicon().values() for word in words for form in word.forms if form[1:]}
GENDERS = {form: noun.forms[2] for noun in lexicon()["noun"] for form in noun.forms[:2]}
PLURALS = "|".join(word.forms[1] for word in lexicon()["noun"] if word.forms[0] != word.forms[1])
SINGULARS = "|".join(word.forms[0] for word in lexicon()["noun"] if word.forms[0] != word.forms[1])
PAST = "|".join(word.forms[2] for word in lexicon()["transitive"])
BASE = "|".join(word.forms[0] for word in lexicon()["intransitive"])
# Sentences of a form, and the translation that the rules give: {1} is the stem of the first word, {1g} its gender.
RULES = [
    (f"The ({PLURALS}) ({PAST}) an? ({SINGULARS})\\.", "{2}-ot {3}-{3g}n {1}-{1g}sk."),
    (f"(?:A|An) ({SINGULARS}) ({PAST}) the ({PLURALS})\\.", "{2}-o {3}-{3g}skn {1}-{1g}."),
    (f"Will we ({BASE})\\?", "{1}-imt do ka?"),
    (f"I do not ({BASE})\\.", "na {1}-am du."),
    (f"You ({BASE}) in the ({SINGULARS})\\.", "{1}-al ha {2}-{2g}k dak."),
    (f"They will ({BASE}) yesterday\\.", "tiwi {1}-it gu."),
    (f"(\\w+) will ({BASE})\\.", "{2}-i {1}."),
]


@pytest.mark.parametrize(("form", "wanted"), RULES)
def test_the_grammar_is_as_documented(form: str, wanted: str) -> None:
    rng = random.Random(form)
    for _ in range(200_000):
        example = tesk.sample_translation(rng)
        if found := re.fullmatch(form, example.source.removeprefix(tesk.PREFIX)):
            break
    assert found
    words: dict[str, str] = {"0": ""}
    for place, word in enumerate(found.groups(), 1):
        words |= {str(place): STEMS.get(word, word), f"{place}g": GENDERS.get(word, "")}
    assert example.target == re.sub(r"{(\w+)}", lambda slot: words[slot[1]], wanted)


def test_no_stem_begins_another() -> None:
    stems = sorted(word.stem for words in lexicon().values() for word in words)
    assert len(set(stems)) == len(stems) > 100
    assert not any(len(first) > 2 and second.startswith(first) for first, second in pairwise(stems))


def test_parts_with_one_key_are_linked() -> None:
    example = compose("p: ", [("a ", ""), ("cat", "k"), (" sat", "v")], [("sit", "v"), ("-cat", "k")], set())
    assert (example.source, example.target) == ("p: a cat sat", "sit-cat")
    assert [(example.target[slice(*a)], example.source[slice(*b)]) for a, b in example.links] == [
        ("sit", " sat"),
        ("-cat", "cat"),
    ]
