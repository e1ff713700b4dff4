import itertools
from collections.abc import Iterator

import pytest
import torch
from imagegen.domain import Sampler
from imagegen.samplers import SamplerBank

TRAINED = 40
# Those of discrete diffusion.
SAMPLERS = [sampler for sampler in Sampler if sampler is not Sampler.FLOW_MATCH_EULER]


def bank(**config: object) -> SamplerBank:
    return SamplerBank({"num_train_timesteps": TRAINED, "clip_sample": False, **config})


def denoise(schedule_bank: SamplerBank, sampler: Sampler, steps: int, seed: int = 0) -> torch.Tensor:
    """Denoise towards zero with the exact noise of a point mass at the origin."""
    schedule = schedule_bank.schedule(sampler, steps)
    generators = [torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)]
    sample = torch.randn((2, 4, 2, 2), generator=torch.Generator().manual_seed(9)) * schedule.initial_sigma
    for step in range(schedule.step_count):
        model_input = schedule.scale_input(sample, step)
        zeros = torch.zeros_like(sample)
        noise_scale = schedule.add_noise(zeros, torch.ones_like(sample), step).flatten()[0]
        del model_input
        sample, _ = schedule.step(sample / noise_scale, step, sample, generators)
    return sample


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("offset", [0, 1])
def test_every_step_count_up_to_the_limit_is_finite(spacing: str, offset: int) -> None:
    schedules = bank(timestep_spacing=spacing, steps_offset=offset)
    for sampler in SAMPLERS:
        assert schedules.max_steps[sampler] >= TRAINED - 3
        for steps in (1, 2, 3, 7, schedules.max_steps[sampler]):
            schedule = schedules.schedule(sampler, steps)
            assert schedule.step_count == steps
            assert torch.isfinite(denoise(schedules, sampler, steps)).all(), (sampler, steps)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_exact_noise_leads_to_the_clean_point(sampler: Sampler) -> None:
    assert denoise(bank(), sampler, 20).abs().max() < 0.5


@pytest.mark.parametrize("sampler", [Sampler.EULER_ANCESTRAL, Sampler.DDPM])
def test_stochastic_samplers_draw_from_the_generators(sampler: Sampler) -> None:
    schedules = bank()
    assert torch.equal(denoise(schedules, sampler, 5, seed=1), denoise(schedules, sampler, 5, seed=1))
    # The last step draws nothing; from a point mass only the step before it shows in the middle of the run.
    assert not torch.equal(partial(schedules, sampler, 1), partial(schedules, sampler, 2))


@pytest.mark.parametrize(
    ("sampler", "drawn"), [(Sampler.EULER_ANCESTRAL, 4), (Sampler.DDPM, 3), (Sampler.DDIM, 0)]
)
def test_a_step_draws_noise_once_whatever_was_predicted(sampler: Sampler, drawn: int) -> None:
    schedule, generator = bank().schedule(sampler, 4), torch.Generator().manual_seed(5)
    sample = torch.ones(1, 4, 2, 2)
    for step in range(4):
        sample, _ = schedule.step(step * schedule.scale_input(sample, step), step, sample, [generator])
    expected = torch.Generator().manual_seed(5)
    for _ in range(drawn):  # at its last step DDPM draws nothing
        torch.randn(1, 4, 2, 2, generator=expected)
    assert torch.equal(generator.get_state(), expected.get_state())


def partial(schedules: SamplerBank, sampler: Sampler, seed: int) -> torch.Tensor:
    schedule = schedules.schedule(sampler, 4)
    sample = schedule.scale_input(torch.ones(1, 4, 2, 2), 0)
    generator = torch.Generator().manual_seed(seed)
    return schedule.step(torch.zeros_like(sample), 0, sample, [generator])[0]


def test_default_sampler_is_the_pipelines_own() -> None:
    assert bank(_class_name="EulerDiscreteScheduler").samplers[0] is Sampler.EULER
    assert bank(_class_name="PNDMScheduler").samplers[0] is Sampler.DDIM
    assert set(bank().samplers) == set(SAMPLERS)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_schedules_share_no_state(sampler: Sampler) -> None:
    schedules = bank()

    def steps(count: int) -> Iterator[torch.Tensor]:
        schedule, generator = schedules.schedule(sampler, count), torch.Generator().manual_seed(count)
        sample = torch.ones(1, 4, 2, 2) * schedule.initial_sigma
        for step in range(count):
            prediction = torch.tanh(schedule.scale_input(sample, step))
            sample, _ = schedule.step(prediction, step, sample, [generator])
            yield sample

    alone = [list(steps(5)), list(steps(7))]
    together = list(itertools.zip_longest(steps(5), steps(7)))
    for column, expected in zip(zip(*together, strict=True), alone, strict=True):
        assert all(map(torch.equal, column, expected))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_noise_is_added_at_the_level_of_the_step(sampler: Sampler) -> None:
    schedule = bank().schedule(sampler, 10, first_step=4)
    clean, noise = torch.zeros(2, 4, 2, 2), torch.ones(2, 4, 2, 2)
    early = schedule.add_noise(clean, noise, 4)
    schedule.step(torch.zeros_like(clean), 4, schedule.scale_input(early, 4), [torch.Generator()] * 2)
    assert 0 < schedule.add_noise(clean, noise, 5).max() < early.max()
