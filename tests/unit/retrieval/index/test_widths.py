import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval.domain import Effort, Hnsw
from retrieval.index.widths import LEAST, MOST, UNLEARNED, RecallControl, Widths

TARGET = 0.97
calibrations = st.integers(LEAST, MOST)
recalls = st.lists(st.integers(0, 10).map(lambda found: found / 10), max_size=600)
efforts = st.sampled_from([Effort.DEFAULT, Effort.ACCURATE])


@settings(deadline=None, max_examples=50)  # thousands of observations
@given(calibrations, st.lists(st.tuples(efforts, calibrations), max_size=40), recalls)
def test_widths_stay_within_bounds_whatever_is_observed(
    calibrated: int, observed: list[tuple[Effort, int]], found: list[float]
) -> None:
    widths = Widths(Hnsw(), TARGET)
    for effort, other in observed or [(Effort.DEFAULT, calibrated)]:
        for recall in found:
            widths.observe(effort, other, recall)
        default, accurate = (widths.width(each, calibrated) for each in (Effort.DEFAULT, Effort.ACCURATE))
        assert LEAST <= default <= MOST
        assert max(default, 256, 3.75 * calibrated) <= accurate <= 2048


@given(st.integers(8, 4096), calibrations, recalls)
def test_what_a_collection_tells_is_never_learned_away(
    told: int, calibrated: int, found: list[float]
) -> None:
    for widths, expected in (
        (Widths(Hnsw(ef_search=told, accurate_ef_search=told), TARGET), (told, told)),
        (Widths(Hnsw(), 0.0), (UNLEARNED, 256)),
    ):
        for recall in found:
            widths.observe(Effort.DEFAULT, calibrated, recall)
            widths.observe(Effort.ACCURATE, calibrated, recall)
        assert (
            widths.width(Effort.DEFAULT, calibrated),
            widths.width(Effort.ACCURATE, calibrated),
        ) == expected


@pytest.mark.parametrize(
    ("target", "calibrated", "accurate"),
    [(0.97, 40, 256), (0.97, 512, 1920), (0.95, 200, 1250), (0.995, 300, 300)],
)
def test_accurate_walks_are_as_much_wider_as_less_may_be_missed(
    target: float, calibrated: int, accurate: int
) -> None:
    assert Widths(Hnsw(), target).width(Effort.ACCURATE, calibrated) == pytest.approx(accurate, abs=1)


@given(calibrations, efforts, recalls)
def test_it_is_told_when_walks_change(calibrated: int, effort: Effort, found: list[float]) -> None:
    widths = Widths(Hnsw(), TARGET)
    for recall in found:
        before = widths._default_control.factor, widths._accurate_control.factor
        changed = widths.observe(effort, calibrated, recall)
        assert changed == (before != (widths._default_control.factor, widths._accurate_control.factor))


@given(calibrations, calibrations, recalls)
def test_a_segment_calibrated_wider_is_walked_no_narrower(some: int, other: int, found: list[float]) -> None:
    widths = Widths(Hnsw(), TARGET)
    for recall in found:
        widths.observe(Effort.DEFAULT, some, recall)
    narrow, wide = sorted((some, other))
    assert widths.width(Effort.DEFAULT, narrow) <= widths.width(Effort.DEFAULT, wide)


@pytest.mark.parametrize(
    ("recall", "factor"), [(0.0, 4.0), (0.94, 2.0), (0.965, 1.25), (0.97, 1.0), (1.0, 1.0)]
)
def test_too_low_a_recall_widens_by_as_much_as_is_missed(recall: float, factor: float) -> None:
    control = RecallControl(TARGET)
    for _ in range(15):
        control.observe(recall, 0.1, 10)
    assert control.factor == 1.0
    control.observe(recall, 0.1, 10)
    assert control.factor == pytest.approx(factor)


def test_doubtful_recalls_are_gathered_until_they_tell() -> None:
    control = RecallControl(TARGET)
    found = [0.9, 1.0, 0.9, 1.0, 1.0] * 50  # a mean of 0.96, which 16 do not tell from 0.97
    for recall in found[:16]:
        control.observe(recall, 0.1, 10)
    assert control.factor == 1.0
    for recall in found[16:]:
        control.observe(recall, 0.1, 10)
    assert control.factor > 1.0


@pytest.mark.parametrize(("recall", "factor"), [(1.0, 0.7), (0.983, 0.793), (0.977, 1.0)])
def test_long_after_more_is_found_than_asked_for_it_narrows(recall: float, factor: float) -> None:
    control = RecallControl(TARGET)
    for _ in range(127):
        control.observe(recall, 0.1, 10)
    assert control.factor == 1.0
    control.observe(recall, 0.1, 10)
    assert control.factor == pytest.approx(factor, abs=0.001)


def test_doubtful_recalls_narrow_nothing() -> None:
    doubtful, sure = RecallControl(TARGET), RecallControl(TARGET)
    for _ in range(16):  # a mean of 0.98 for both, by few bad ones and by many that miss a little
        for place in range(8):
            doubtful.observe(0.84 if place == 7 else 1.0, 0.1, 10)
            sure.observe(0.98, 0.1, 10)
    assert doubtful.factor == 1.0
    assert sure.factor < 1.0


def test_what_no_width_can_reach_is_soon_left_when_queries_get_easier() -> None:
    widths = Widths(Hnsw(), TARGET)
    for _ in range(2000):
        widths.observe(Effort.DEFAULT, 40, 0.5)
    assert widths.width(Effort.DEFAULT, 40) == MOST
    for _ in range(128):
        widths.observe(Effort.DEFAULT, 40, 1.0)
    assert widths.width(Effort.DEFAULT, 40) == pytest.approx(0.7 * MOST, abs=1)


@settings(deadline=None, max_examples=40)
@given(st.floats(3, 400), st.sampled_from([1.0, 2.0]), st.integers(0, 2**32))
def test_real_queries_are_brought_to_the_target_and_not_far_beyond(
    needed: float, power: float, seed: int
) -> None:
    """Queries whose walks miss a share of what they look for that falls as the width or its square grows."""
    source, widths, calibrated, walked = np.random.default_rng(seed), Widths(Hnsw(), TARGET), 32, []
    for _ in range(4000):
        walked.append(width := widths.width(Effort.DEFAULT, calibrated))
        missed = min(1.0, (1 - TARGET) * (needed / width) ** power)
        widths.observe(Effort.DEFAULT, calibrated, 1.0 - source.binomial(10, missed) / 10)
    assert 0.6 * needed <= width or width == MOST
    assert width <= max(LEAST, 4 * needed)  # chance may widen walks more than they need, for a while
    assert np.median(walked[2000:]) <= max(LEAST, 2.5 * needed)
