import pytest
from gateway.admission.fairness import FairnessWindow, jain, max_min
from hypothesis import given
from hypothesis import strategies as st

NAMES = [f"t{number}" for number in range(6)]
AMOUNTS = st.lists(st.floats(0.01, 1000), min_size=1, max_size=6)


@given(AMOUNTS)
def test_jains_index_is_between_one_nth_and_one_and_knows_no_scale(values):
    index = jain(values)
    assert 1 / len(values) - 1e-9 <= index <= 1 + 1e-9
    assert jain([7 * value for value in values]) == pytest.approx(index)


def test_jains_index_by_hand():
    assert jain([]) == jain([3, 3]) == 1
    assert jain([1, 0, 0, 0]) == 0.25
    assert jain([1, 3]) == 16 / 20


@given(st.floats(0.01, 3000), AMOUNTS, st.lists(st.floats(0.1, 10), min_size=6, max_size=6))
def test_max_min_shares_are_all_there_is_and_nobody_envies(capacity, amounts, given_weights):
    demands = dict(zip(NAMES, amounts, strict=False))
    weights = dict(zip(NAMES, given_weights, strict=True))
    shares = max_min(capacity, demands, weights)
    assert sum(shares.values()) == pytest.approx(min(capacity, sum(amounts)))
    for name, share in shares.items():
        assert share <= demands[name] + 1e-6
        if share < demands[name] - 1e-6:  # whoever wants more has as much for its weight as anybody
            most = max(shares[other] / weights[other] for other in shares)
            assert share / weights[name] >= most - 1e-6 * most - 1e-9


def test_a_tenant_that_wants_little_and_gets_it_is_no_unfairness():
    window = FairnessWindow()
    window.served("heavy", 90, 1.0, now=1.0)
    window.served("light", 10, 1.0, now=1.0)
    window.refused("heavy", 500, 1.0, now=1.0)
    assert window.index({}, now=2.0) == pytest.approx(1.0)


def test_a_tenant_that_is_kept_waiting_is():
    window = FairnessWindow()
    window.served("heavy", 90, 1.0, now=1.0)
    window.served("light", 10, 1.0, now=1.0)
    assert window.index({"light": (100.0, 1.0), "heavy": (100.0, 1.0)}, now=2.0) == pytest.approx(
        jain([90 / 50, 10 / 50])
    )


def test_what_is_long_ago_is_forgotten():
    window = FairnessWindow()
    window.served("a", 90, 1.0, now=0.0)
    window.refused("b", 90, 1.0, now=0.0)
    assert window.index({}, now=29.0) == pytest.approx(0.5)
    assert window.index({}, now=95.0) == 1.0
