"""Relations say what they ask, and what is held out stays apart."""

import random

import pytest

from starter.text.relations import Relation, draw_slots, make_fact, relations, sample_fact, slots_of


@pytest.mark.parametrize("relation", relations(), ids=lambda r: r.name)
def test_every_template_is_of_use(relation: Relation) -> None:
    kept = relation.pairs(held_out_templates=False)
    assert {s for s, _ in kept} == set(relation.statements)
    assert {q for _, q in kept} == set(relation.questions)
    if not relation.held_out:
        new = relation.pairs(held_out_templates=True)
        assert {q for _, q in new} >= set(relation.held_out_questions)
        assert set(kept).isdisjoint(new)


def test_there_are_many_relations_and_some_are_held_out() -> None:
    assert sum(not r.held_out for r in relations()) >= 30
    assert sum(r.held_out for r in relations()) >= 4


def test_a_fact_holds_its_answer() -> None:
    rng = random.Random(0)
    for _ in range(300):
        fact = sample_fact(rng, held_out_templates=rng.random() < 0.5)
        assert fact.value.lower() in fact.sentence.lower()
        assert fact.sentence[0] == fact.sentence[0].upper()


def test_held_out_relations_are_drawn_on_request_only() -> None:
    rng = random.Random(0)
    assert not any(sample_fact(rng).relation.held_out for _ in range(200))
    assert all(sample_fact(rng, held_out_relations=True).relation.held_out for _ in range(50))


def test_slots_are_read_from_templates() -> None:
    assert slots_of("The {a} of {A} is {n}.") == {"a", "A", "n"}
    fact = make_fact(random.Random(0), relations()[0], draw_slots(random.Random(0)))
    assert "a" in fact.asked
