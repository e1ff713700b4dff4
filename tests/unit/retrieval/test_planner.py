from hypothesis import given
from hypothesis import strategies as st
from retrieval.domain import Effort
from retrieval.index.planner import Costs, Scan, Walk, choose

COSTS = Costs({Effort.DEFAULT: 64, Effort.ACCURATE: 256}, widest=8192, scanned=64)
sizes = st.integers(1, 10_000_000)
depths = st.integers(1, 4000)
efforts = st.sampled_from(Effort)


def width(total: int, allowed: int, k: int, effort: Effort) -> float:
    step = choose(total, allowed, k, effort, COSTS)
    return step.width if isinstance(step, Walk) else float("inf")


@given(sizes, sizes, depths, efforts)
def test_a_walk_expects_as_many_allowed_ones_as_it_would_without_a_filter(
    total: int, allowed: int, k: int, effort: Effort
) -> None:
    allowed = min(allowed, total)
    step = choose(total, allowed, k, effort, COSTS)
    if isinstance(step, Walk):
        assert step.width * allowed / total >= max(COSTS.widths[effort], 2 * k)
        assert step.width <= COSTS.widest
        assert step.width * COSTS.scanned < allowed  # else the scan, which misses nothing, costs no more


@given(sizes, sizes, depths)
def test_exact_searches_and_small_sets_are_scanned(total: int, allowed: int, k: int) -> None:
    assert choose(total, min(allowed, total), k, Effort.EXACT, COSTS) == Scan()
    assert choose(total, min(k, total), k, Effort.DEFAULT, COSTS) == Scan()
    assert choose(total, 0, 0, Effort.DEFAULT, COSTS) == Scan()


@given(sizes, sizes, sizes, depths, efforts)
def test_fewer_allowed_never_narrow_a_walk(
    total: int, some: int, others: int, k: int, effort: Effort
) -> None:
    fewer, more = sorted((min(some, total), min(others, total)))
    assert width(total, fewer, k, effort) >= width(total, more, k, effort)


@given(sizes, sizes, depths)
def test_more_effort_never_narrows_a_walk(total: int, allowed: int, k: int) -> None:
    allowed = min(allowed, total)
    assert width(total, allowed, k, Effort.ACCURATE) >= width(total, allowed, k, Effort.DEFAULT)


def test_large_sets_are_walked_and_strict_filters_scanned() -> None:
    million = 1_000_000
    assert choose(million, million, 10, Effort.DEFAULT, COSTS) == Walk(64)
    assert choose(million, million // 2, 10, Effort.ACCURATE, COSTS) == Walk(512)
    assert choose(million, million // 100, 10, Effort.ACCURATE, COSTS) == Scan()
    assert choose(10 * million, 8 * million, 3000, Effort.DEFAULT, COSTS) == Walk(7500)
    assert choose(10 * million, 7 * million, 3000, Effort.DEFAULT, COSTS) == Scan(), "too wide a walk"
