from quadrille_cli.evaluation.summary import Figure, Summary

from benchmarks.rag.measure import DEFENCES, flat, options, ratios
from benchmarks.rag.table import markdown
from benchmarks.rag.world import FACTS, world
from benchmarks.report import Ratio

SUMMARY = Summary(
    4,
    1,
    2,
    "words",
    {"recall@1": Figure(0.5, 3), "f1": Figure(None, 0)},
    {"total": 1},
    {"total": 2},
    9,
    8,
    None,
)
ATTACKED = [
    {"defence": defence, "attacks": 4, "found": 1.0, "succeeded": share, "answered": 0.5}
    for defence, share in zip(("off", "take_out"), (0.75, 0.25), strict=True)
]


def test_the_world_says_what_it_asks():
    found = list(world(20))
    assert found == list(world(20)) != list(world(20, "other"))
    for group in found:
        ((name, text),), (asked,) = group.documents.items(), group.questions
        (place,) = asked.evidence
        value, sentence = asked.answers
        assert place.document == f"documents/{name}"
        assert text.encode()[place.start_byte : place.end_byte].decode() == sentence
        assert value.casefold() in sentence.casefold()
        assert text.count(". ") >= FACTS - 1


def test_figures_of_nothing_are_left_out():
    told = flat(SUMMARY)
    assert (told["recall@1"], told["unanswerable"]) == (0.5, 1)
    assert "f1" not in told


def test_ratios_tell_of_every_defence():
    assert ratios([{"data": "xquad"}, *ATTACKED]) == {
        "attacks_that_succeed_off": Ratio(0.75, None, "lower"),
        "attacks_that_succeed_take_out": Ratio(0.25, None, "lower"),
    }
    assert DEFENCES[0] == "off", "without a defence first"


def test_the_page_has_a_row_for_each():
    rows = [{"data": "world", "asked": "as it stands", **flat(SUMMARY)}, *ATTACKED]
    rows.append({"data": "chunking", "absent": "there is no folder chunking"})
    machine = {"cpu": "x", "cores": 2, "memory_gib": 4}
    versions = {"torch": "1", "transformers": "2"}
    page = markdown({"rows": rows, "machine": machine, "versions": versions, "command": "run"})
    assert "| world, as it stands | 4 | 1 | 0.5 | – |" in page
    assert "| `take_out` | 4 | 1 | 0.25 | 0.5 |" in page
    assert "chunking is absent: there is no folder chunking." in page


def test_options():
    assert options(["--questions", "7"]).questions == 7
