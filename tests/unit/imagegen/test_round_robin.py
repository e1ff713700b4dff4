from hypothesis import given, settings
from hypothesis import strategies as st
from imagegen.round_robin import DeficitRoundRobin


def test_nothing_to_do_chooses_nothing() -> None:
    assert DeficitRoundRobin[str](1.0).choose(()) is None


def test_a_flow_keeps_its_turn_while_it_is_in_credit() -> None:
    turns = DeficitRoundRobin[str](1.0)
    order = []
    for _ in range(6):
        flow = turns.choose("ab")
        assert flow is not None and turns.choose("ab") == flow
        turns.charge(flow, 0.5)
        order.append(flow)
    assert order == list("aabbaa")


def test_credit_is_not_saved_up_but_debts_are_paid() -> None:
    turns = DeficitRoundRobin[str](1.0)
    for _ in range(5):
        assert turns.choose("a") == "a"
        turns.charge("a", 0.1)
    assert turns.choose("b") == "b"
    turns.charge("b", 3.5)
    served = []
    for _ in range(4):
        flow = turns.choose("ab")
        assert flow is not None
        served.append(flow)
        turns.charge(flow, 1.0)
    assert served == list("aaab")


def test_a_debt_outlives_the_work_that_made_it() -> None:
    turns = DeficitRoundRobin[str](1.0)
    turns.choose("b")
    turns.charge("b", 3.5)
    served = []
    for ready in ("a", "ab", "ab", "ab"):
        flow = turns.choose(ready)
        assert flow is not None
        served.append(flow)
        turns.charge(flow, 1.0)
    assert served == list("aaab")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0.01, 20), min_size=2, max_size=5),
    st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=60),
)
def test_two_flows_are_never_far_apart_while_both_have_work(
    costs: list[float], ready: list[set[int]]
) -> None:
    turns = DeficitRoundRobin[int](1.0)
    spent = [0.0] * len(costs)
    for others in ready:
        working = {0, 1} | {flow for flow in others if flow < len(costs)}
        flow = turns.choose(sorted(working))
        assert flow in working
        turns.charge(flow, costs[flow])
        spent[flow] += costs[flow]
        assert abs(spent[0] - spent[1]) <= 2.0 + max(costs[:2]) + 1e-6
