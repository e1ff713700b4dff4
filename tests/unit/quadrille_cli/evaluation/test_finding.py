import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadrille_cli.evaluation.dataset import Place
from quadrille_cli.evaluation.finding import recall, touches

PLACES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 20)).map(
        lambda drawn: Place(drawn[0], drawn[1], drawn[1] + drawn[2])
    ),
    max_size=5,
)


def test_recall_worked_by_hand():
    found = [Place("a", 0, 10), Place("a", 5, 12), Place("b", 0, 9)]
    assert recall(found, [Place("a", 8, 16)]) == 0.5
    assert recall(found, [Place("a", 8, 16), Place("b", 0, 9)]) == 0.75
    assert recall(found, [Place("a"), Place("c")]) == 0.5, "a whole document is found by any part of it"
    assert recall([], [Place("a")]) == recall(found, [Place("a", 12, 13)]) == 0


def test_what_touches_shares_a_byte():
    assert touches(Place("a", 0, 10), [Place("b", 0, 10), Place("a", 9, 12)])
    assert not touches(Place("a", 0, 10), [Place("a", 10, 12)])


@given(PLACES, PLACES.filter(bool))
def test_recall_is_the_mean_part_of_bytes(found, evidence):
    held = {(place.document, byte) for place in found for byte in range(place.start_byte, place.end_byte)}
    parts = [
        sum((place.document, byte) in held for byte in range(place.start_byte, place.end_byte))
        / (place.end_byte - place.start_byte)
        for place in evidence
    ]
    assert recall(found, evidence) == pytest.approx(sum(parts) / len(parts))
    assert recall(found[:1], evidence) <= recall(found, evidence) + 1e-9
