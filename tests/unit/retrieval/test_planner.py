from hypothesis import given
from hypothesis import strategies as st
from retrieval.index.planner import Costs, Scan, Walk, choose

COSTS = Costs(widest=8192, scanned=64)
sizes = st.integers(1, 10_000_000)
depths = st.integers(1, 4000)
widths = st.integers(8, 4096)


def width(total: int, allowed: int, k: int, least: int) -> float:
    step = choose(total, allowed, k, least, COSTS)
    return step.width if isinstance(step, Walk) else float("inf")


@given(sizes, sizes, depths, widths)
def test_a_walk_expects_as_many_allowed_ones_as_it_would_without_a_filter(
    total: int, allowed: int, k: int, least: int
) -> None:
    allowed = min(allowed, total)
    step = choose(total, allowed, k, least, COSTS)
    if isinstance(step, Walk):
        assert step.width * allowed / total >= max(least, 2 * k)
        assert step.width <= COSTS.widest
        assert step.width * COSTS.scanned < allowed  # else the scan, which misses nothing, costs no more


@given(sizes, depths, widths)
def test_small_sets_are_scanned(total: int, k: int, least: int) -> None:
    assert choose(total, min(k, total), k, least, COSTS) == Scan()
    assert choose(total, 0, 0, least, COSTS) == Scan()


@given(sizes, sizes, sizes, depths, widths)
def test_fewer_allowed_never_narrow_a_walk(total: int, some: int, others: int, k: int, least: int) -> None:
    fewer, more = sorted((min(some, total), min(others, total)))
    assert width(total, fewer, k, least) >= width(total, more, k, least)


@given(sizes, sizes, depths, widths, widths)
def test_more_effort_never_narrows_a_walk(total: int, allowed: int, k: int, some: int, other: int) -> None:
    allowed, less, more = min(allowed, total), *sorted((some, other))
    assert width(total, allowed, k, more) >= width(total, allowed, k, less)


def test_large_sets_are_walked_and_strict_filters_scanned() -> None:
    million = 1_000_000
    assert choose(million, million, 10, 64, COSTS) == Walk(64)
    assert choose(million, million // 2, 10, 256, COSTS) == Walk(512)
    assert choose(million, million // 100, 10, 256, COSTS) == Scan()
    assert choose(10 * million, 8 * million, 3000, 64, COSTS) == Walk(7500)
    assert choose(10 * million, 7 * million, 3000, 64, COSTS) == Scan(), "too wide a walk"
