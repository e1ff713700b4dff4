"""When a plan makes the questions harder, and how fast it goes there."""

import pytest

from starter.text.plan import HARDER, HARDER_RATE, PHASES, Plan

PLAN = Plan(1000, harder=400)


@pytest.mark.parametrize(
    ("step", "phase"),
    [
        (0, PHASES[0]),
        (59, PHASES[0]),
        (60, PHASES[1]),
        (999, PHASES[-1]),
        (1000, HARDER[0]),
        (1240, HARDER[1]),
    ],
)
def test_a_phase_lasts_until_the_next_begins(step: int, phase: object) -> None:
    assert PLAN.phase_at(step) is phase


def test_the_rate_falls_to_a_twentieth_and_starts_once_more() -> None:
    assert PLAN.rate_at(50) == pytest.approx(1)
    assert PLAN.rate_at(999) == pytest.approx(0.05, abs=1e-3)
    assert PLAN.rate_at(1050) == pytest.approx(HARDER_RATE)
    assert PLAN.rate_at(1399) == pytest.approx(HARDER_RATE / 20, abs=1e-3)


def test_without_harder_steps_the_plan_ends() -> None:
    assert Plan(1000).all_steps == 1000
    assert PLAN.all_steps == 1400


def test_nothing_that_is_held_out_is_trained_on() -> None:
    assert not any(phase.draw.held_out for phase in (*PHASES, *HARDER))
