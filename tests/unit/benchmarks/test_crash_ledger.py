import pytest

from benchmarks.crashes.ledger import Ledger, State


@pytest.fixture
def ledger() -> Ledger:
    """Two documents that were acknowledged, before a restart."""
    ledger = Ledger()
    for key, lsn in (("a", 2), ("b", 3)):
        ledger.send({key: 1})
        assert ledger.acknowledge(key, 1, lsn) == []
    assert ledger.settle({"a": State(1, 1, 2), "b": State(1, 1, 3)}, 3) == []
    return ledger


def found(**states: tuple[int, int, int]) -> dict[str, State]:
    return {"a": State(1, 1, 2), "b": State(1, 1, 3)} | {key: State(*state) for key, state in states.items()}


def test_an_acknowledged_write_that_is_gone_is_told(ledger: Ledger) -> None:
    ledger.send({"a": 2})
    ledger.acknowledge("a", 2, 4)
    assert "acknowledged as" in ledger.settle(found(), 4)[0]


def test_an_acknowledged_deletion_that_was_undone_is_told(ledger: Ledger) -> None:
    ledger.send({"a": None})
    ledger.acknowledge("a")
    assert len(ledger.settle(found(), 4)) == 1


def test_an_lsn_that_went_back_is_told(ledger: Ledger) -> None:
    ledger.send({"a": 2})
    ledger.acknowledge("a", 2, 9)
    assert "LSN 9" in ledger.settle(found(a=(2, 2, 9)), 8)[0]
    ledger.send({"b": 2})
    assert "given out before" in ledger.acknowledge("b", 2, 8)[0]


@pytest.mark.parametrize("there", [{}, {"a": (2, 2, 4)}])
def test_what_was_on_its_way_may_be_there_or_not(
    ledger: Ledger, there: dict[str, tuple[int, int, int]]
) -> None:
    ledger.send({"a": 2})
    assert ledger.settle(found(**there), 4) == []
    assert ledger.free(["a"]) == ["a"]
    assert ledger.state("a") == (State(2, 2, 4) if there else State(1, 1, 2))


@pytest.mark.parametrize("there", [(2, 3, 4), (2, 2, 2), (3, 2, 4), (2, 1, 2)])
def test_nothing_else_may_be_there(ledger: Ledger, there: tuple[int, int, int]) -> None:
    ledger.send({"a": 2})
    assert "on its way as" in ledger.settle(found(a=there), 4)[0]


def test_half_a_call_is_told(ledger: Ledger) -> None:
    ledger.send({"a": 2, "b": 2})
    assert "in part" in ledger.copy().settle(found(a=(2, 2, 4)), 4)[0]
    assert "in part" in ledger.copy().settle(found(a=(2, 2, 4), b=(2, 2, 5)), 5)[0]
    assert ledger.settle(found(a=(2, 2, 4), b=(2, 2, 4)), 4) == []


def test_half_a_deletion_is_told_and_absent_documents_say_nothing(ledger: Ledger) -> None:
    ledger.send({"a": None, "b": None, "c": None})
    states = found()
    del states["a"]
    assert "in part" in ledger.copy().settle(states, 4)[0]
    del states["b"]
    assert ledger.copy().settle(states, 4) == []
    assert ledger.settle(found(), 3) == []


def test_what_nobody_wrote_is_told(ledger: Ledger) -> None:
    assert len(ledger.settle(found(z=(1, 1, 1)), 3)) == 1


def test_a_refused_write_may_not_be_there(ledger: Ledger) -> None:
    ledger.send({"a": 2})
    ledger.refuse("a")
    assert len(ledger.settle(found(a=(2, 2, 4)), 4)) == 1


def test_one_write_of_a_document_at_a_time(ledger: Ledger) -> None:
    ledger.send({"a": 2})
    assert ledger.free(["a", "b"]) == ["b"]
    with pytest.raises(ValueError, match="on its way"):
        ledger.send({"a": 3})


def test_generations_are_never_sent_twice(ledger: Ledger) -> None:
    assert [ledger.next_generation("a") for _ in range(3)] == [1, 2, 3]
    assert ledger.copy().next_generation("a") == 4


def test_what_was_touched_is_told_once(ledger: Ledger) -> None:
    ledger.send({"a": 2})
    assert ledger.touched() == {"a", "b"}
    assert ledger.touched() == set()
