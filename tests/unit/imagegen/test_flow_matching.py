import math

import pytest
import torch
from imagegen.domain import Sampler
from imagegen.flow_matching import FlowSamplerBank


def test_exact_velocity_leads_to_the_clean_point_in_any_number_of_steps() -> None:
    clean, noise = torch.full((2, 4, 2, 2), 0.5), torch.randn(2, 4, 2, 2)
    for steps in (1, 2, 7, 1000):
        schedule = FlowSamplerBank({"shift": 3.0}).schedule(Sampler.FLOW_MATCH_EULER, steps)
        assert schedule.step_count == steps
        sample = noise * schedule.initial_sigma
        for step in range(steps):
            sample, estimate = schedule.step(noise - clean, step, schedule.scale_input(sample, step), [])
            torch.testing.assert_close(estimate, clean, atol=1e-5, rtol=0)
        torch.testing.assert_close(sample, clean, atol=1e-5, rtol=0)


def test_a_run_may_begin_in_the_middle() -> None:
    clean, noise = torch.full((1, 4, 2, 2), 0.5), torch.randn(1, 4, 2, 2)
    schedule = FlowSamplerBank({}).schedule(Sampler.FLOW_MATCH_EULER, 10, first_step=4)
    sample = schedule.add_noise(clean, noise, 4)
    for step in range(4, 10):
        torch.testing.assert_close(sample, schedule.add_noise(clean, noise, step), atol=1e-5, rtol=0)
        sample, _ = schedule.step(noise - clean, step, sample, [])
    torch.testing.assert_close(sample, clean, atol=1e-5, rtol=0)


def test_a_shift_spends_more_steps_on_much_noise() -> None:
    plain, shifted = (
        FlowSamplerBank({"shift": shift}).schedule(Sampler.FLOW_MATCH_EULER, 10) for shift in (1.0, 3.0)
    )
    assert plain.timestep(0) == shifted.timestep(0) == 1000
    assert all(shifted.timestep(step) > plain.timestep(step) for step in range(1, 9))


def test_dynamic_shifting_spends_more_steps_on_much_noise_in_large_images() -> None:
    bank = FlowSamplerBank({"use_dynamic_shifting": True}, token_cells=4, even_sigmas=True)
    small, large = (bank.schedule(None, 10, cells=4 * tokens) for tokens in (256, 4096))
    assert small.timestep(0) == large.timestep(0) == 1000
    assert all(large.timestep(step) > small.timestep(step) for step in range(1, 10))
    # exp(mu) / (exp(mu) + 1 / sigma - 1) at sigma 0.5, for a mu of 0.5 at 256 tokens and of 1.15 at 4,096.
    assert small.timestep(5) == pytest.approx(1000 * math.exp(0.5) / (math.exp(0.5) + 1))
    assert large.timestep(5) == pytest.approx(1000 * math.exp(1.15) / (math.exp(1.15) + 1))


def test_schedules_share_no_state() -> None:
    bank = FlowSamplerBank({})
    first = bank.schedule(Sampler.FLOW_MATCH_EULER, 5)
    first.step(torch.ones(1, 4, 2, 2), 0, torch.ones(1, 4, 2, 2), [])
    assert bank.schedule(None, 3).step_count == 3
    assert first.step_count == 5


@pytest.mark.parametrize("option", ["stochastic_sampling", "invert_sigmas", "shift_terminal"])
def test_schedules_of_other_kinds_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        FlowSamplerBank({option: True})
