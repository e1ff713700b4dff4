import torch
from imagegen.schedules import OneStep


def test_the_only_step_takes_the_prediction_for_the_latent() -> None:
    schedule, noise, latent = OneStep(), torch.randn(2, 6, 1, 1), torch.randn(2, 8, 1, 1)
    assert (schedule.step_count, schedule.initial_sigma, schedule.timestep(0)) == (1, 1.0, 0.0)
    assert torch.equal(schedule.scale_input(noise, 0), noise)
    following, clean = schedule.step(latent, 0, noise, [])
    assert torch.equal(following, latent) and torch.equal(clean, latent)
    assert torch.equal(schedule.add_noise(latent, noise, 0), noise)
