"""Scores by the probability flow of a denoiser: likelihoods of images where it denoises pixels, densities of their
latents where it denoises those.

8-bit levels are dequantised by uniform noise of one level's width (Theis et al., 2016, arXiv:1511.01844): the mean
log-density plus the log of the width is then a lower bound on the log-probability of the levels.
"""

import math
from collections.abc import Sequence

import torch

from imagegen.domain import Bound, Guidance
from imagegen.events import DeviceEvent, RawBound
from imagegen.likelihood import LEVEL_WIDTH, bits_per_dimension, mean_and_error
from imagegen.models.base import DiffusionModel, ModelInput
from imagegen.noise import generators_of
from imagegen.pixels import to_tensor
from imagegen.probability_flow import EVALUATIONS_PER_STEP, LogDensity
from imagegen.prompts import PromptCache
from imagegen.scheduler import Stage, StageKey
from imagegen.specs import ScorePlan
from imagegen.tasks import Phase, rows_per_chunk

# Rows that are differentiated at once, so that others soon get turns; gradients also take several times the memory.
_MAX_ROWS = 8
_MEMORY_FACTOR = 4


def describe_flow(model: DiffusionModel, steps: int) -> str:
    """What FlowScoreTask computes, in words, with its assumptions."""
    if model.of_pixels:
        subject = (
            "Lower bound on the log-probability of the image's 8-bit RGB levels: the log-density of the levels, "
            "dequantised by uniform noise of one level's width, plus the log of that width a value"
        )
    else:
        subject = (
            "Log-density of the image's latent, the mean of the autoencoder's posterior as the denoiser sees it; no "
            "likelihood of the image, comparable between images of one size and one model only"
        )
    low, high = model.flow.sigmas
    guidance = "without guidance"
    if model.description.guidance is Guidance.DISTILLED:
        guidance = f"told the guidance scale {model.description.default_guidance_scale:g}"
    return (
        f"{subject}. Probability-flow ODE of the denoiser, {guidance}, from noise level {low:.3g} to "
        f"N(0, I) at {high:.3g}, by {steps} steps of Runge and Kutta's method of fourth order in the log of the level; "
        "divergence by Hutchinson's estimator, one probe of random signs a draw; the standard error is over draws."
    )


class FlowScoreTask:
    """Bounds of images over `draws` draws each; draw i comes from seed i, so that an image's bound is its own.

    A step is one evaluation of the model, forward and back, over a chunk of rows: images times draws.
    """

    phase: Phase = "denoise"
    image_count = 0
    image_step_count = 0

    def __init__(
        self,
        owner: int,
        model: DiffusionModel,
        plan: ScorePlan,
        seeds: Sequence[int],
        prompt: str,
        prompts: PromptCache,
    ) -> None:
        """`seeds` has one a draw."""
        self._model, self._images, self._seeds = model, plan.images, seeds
        self._prompt, self._prompts, self._steps = prompt, prompts, plan.steps
        height, width, _ = self._images[0].shape
        self._size = min(_MAX_ROWS, rows_per_chunk(_MEMORY_FACTOR * height * width))
        self._rows = [(image, draw) for image in range(len(self._images)) for draw in range(len(seeds))]
        self._evaluations = plan.steps * EVALUATIONS_PER_STEP
        chunks = -(-len(self._rows) // self._size)
        self.stage = Stage(StageKey(model.description.id, owner=owner), 1, chunks * self._evaluations)
        self._densities: list[float] = []

    def begin(self) -> None:
        """Embed the prompt, and what a denoiser that sees images sees where there is none."""
        height, width, _ = self._images[0].shape
        context = self._model.encode_context(height, width)
        self._condition = self._prompts.embed(self._model, self._prompt) + context

    def next_stage(self) -> Stage | None:
        """There is one stage."""
        return None

    def run(self, step: int) -> list[DeviceEvent]:
        """Evaluate the model once for a chunk; after its last evaluation, the bounds of images that are complete."""
        chunk, evaluation = divmod(step, self._evaluations)
        if evaluation == 0:
            self._begin_chunk(self._rows[chunk * self._size : (chunk + 1) * self._size])
        self._integral.evaluate()
        if evaluation < self._evaluations - 1:
            return []
        draws = len(self._seeds)
        complete = len(self._densities) // draws
        self._densities += self._integral.result().tolist()
        return [
            RawBound(index, self._bound(self._densities[index * draws : (index + 1) * draws]))
            for index in range(complete, len(self._densities) // draws)
        ]

    def _begin_chunk(self, rows: Sequence[tuple[int, int]]) -> None:
        model = self._model
        pixels = to_tensor([self._images[image] for image, _ in rows])
        generators = generators_of([self._seeds[draw] for _, draw in rows])
        if model.of_pixels:
            noise = [torch.rand(pixels.shape[1:], generator=generator) - 0.5 for generator in generators]
            pixels = pixels + LEVEL_WIDTH * torch.stack(noise)
        data = model.encode(pixels)
        signs = [torch.randint(2, data.shape[1:], generator=generator) for generator in generators]
        probes = (2.0 * torch.stack(signs) - 1.0).to(data.device)
        self._dimensions = data[0].numel()
        self._integral = LogDensity(model.flow, self._predict, data, probes, self._steps)

    def _predict(self, samples: torch.Tensor, timestep: float) -> torch.Tensor:
        rows = len(samples)
        # Cloned, for autograd saves none of inference mode's tensors.
        condition = tuple(tensor.clone().expand(rows, *tensor.shape) for tensor in self._condition)
        return self._model.predict(
            ModelInput(
                samples,
                torch.full((rows,), timestep),
                condition,
                torch.ones(rows),
                torch.full((rows,), self._model.description.default_guidance_scale),
            )
        )

    def _bound(self, densities: Sequence[float]) -> Bound:
        mean, error = mean_and_error(densities)
        if self._model.of_pixels:
            mean += self._dimensions * math.log(LEVEL_WIDTH)
        bits = bits_per_dimension(mean, self._dimensions)
        return Bound(mean, bits, 0.0, 0.0, error, self._dimensions)
