"""Metrics by the names that users are told."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from textgen.domain import FinishReason, Timings
from textgen.metrics import TextMetrics

OPERATIONS = Path(__file__).resolve().parents[3] / "docs/operations.md"
PREFIX = "quadrille_text_"


def exported():
    """Each family's name as it is scraped, and its labels."""
    registry = CollectorRegistry()
    made = TextMetrics(registry, has_meter=True)
    made.experts.watch("m", lambda: {0: [1]})
    model = made.model("m")
    model.ended(Timings(), (FinishReason.STOP,))
    model.passed(rows=1, tokens=1, joules=1.0)
    names = {}
    for family in registry.collect():
        name = family.name.removeprefix(PREFIX) + ("_total" if family.type == "counter" else "")
        names[name] = set().union(*(sample.labels for sample in family.samples)) - {"le"}
    return names


def told():
    """The same, as docs/operations.md has it."""
    text = OPERATIONS.read_text().partition("### What textgen exports")[2].partition("\n##")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    names = {}
    for name, labels in re.findall(r"`(\w+)(?:\{([\w, ]+)\})?`", " ".join(cells)):
        names[name] = {"model", *filter(None, labels.split(", "))} - (
            {"model"} if name == "engine_restarts_total" else set()
        )
    return names


def test_what_is_exported_is_documented_with_its_labels_and_nothing_else_is():
    assert told() == exported()


def test_without_a_meter_there_is_no_energy():
    registry = CollectorRegistry()
    TextMetrics(registry).model("m").passed(rows=1, tokens=1, joules=None)
    assert PREFIX + "energy_joules" not in {family.name for family in registry.collect()}
