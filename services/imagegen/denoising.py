"""One request's denoising: its rows, its sampler's state, and the guidance that a batch shares.

Image to image starts from the noised latent (SDEdit, Meng et al., 2021). Inpainting puts the noised original
back outside the mask after every step (as RePaint does, Lugmayr et al., 2022, without its resampling), unless the
denoiser sees it, and the original pixels themselves at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from imagegen.decoding import decode
from imagegen.domain import Guidance, HeldLora
from imagegen.events import DeviceEvent, Progress, RawImage, RawPreview
from imagegen.models.base import Condition, DiffusionModel, ModelInput
from imagegen.models.lora import adapted
from imagegen.models.passes import Passes
from imagegen.noise import clone_generator, draw, generators_of, path
from imagegen.pixels import to_images, to_tensor
from imagegen.prompts import PromptCache
from imagegen.scheduler import Slice, Stage, StageKey
from imagegen.specs import DenoiseSpec, ImageStart, NoiseStart, WalkStart
from imagegen.tasks import Phase, chunk_count, rows_per_chunk


@dataclass(frozen=True, slots=True)
class Rows:
    """A slice's part of a forward pass: latents [n, c, h, w], conditions [n, ...], one timestep."""

    latents: torch.Tensor
    timestep: float
    conditional: Condition
    unconditional: Condition | None  # of one row; None where guidance is off
    guidance_scale: float
    truncation: float


class DenoisingTask:
    """Denoise the rows of a spec in lockstep, then decode them chunk by chunk."""

    def __init__(
        self,
        owner: int,
        model: DiffusionModel,
        spec: DenoiseSpec,
        prompts: PromptCache,
        loras: tuple[HeldLora, ...] = (),
        passes: Passes | None = None,
    ) -> None:
        """`owner` is the request's id; `loras` are the spec's, held from now on.

        Rows share passes as `passes` says, by default as they come.
        """
        self.model, self.loras, self.passes = model, loras, passes or Passes()
        self._owner, self._spec, self._prompts = owner, spec, prompts
        cells = model.cell_size
        key = StageKey(
            spec.model, spec.height // cells, spec.width // cells, loras=tuple(lora.key for lora in loras)
        )
        self._guided = model.description.guidance is Guidance.CLASSIFIER_FREE and spec.guidance_scale > 1
        self._stage = Stage(key, len(spec.seeds), spec.step_count, evaluations=2 if self._guided else 1)
        self._phase: Phase = "denoise"

    @property
    def stage(self) -> Stage:
        """The current stage."""
        return self._stage

    @property
    def phase(self) -> Phase:
        """What the current stage's time counts as."""
        return self._phase

    @property
    def image_count(self) -> int:
        """Images made when all is done."""
        return len(self._spec.seeds)

    @property
    def image_step_count(self) -> int:
        """Denoising steps times images."""
        return len(self._spec.seeds) * self._spec.step_count

    def begin(self) -> None:
        """Embed the prompts, draw the noise, encode the init image."""
        with adapted(self.loras):
            self._prepare()

    def _prepare(self) -> None:
        spec, model, device = self._spec, self.model, self.model.device
        rows = len(spec.seeds)
        shape = (model.noise_channels, self._stage.key.height, self._stage.key.width)
        self._schedule = model.schedule(spec.sampler, spec.steps, spec.first_step, shape[1] * shape[2])
        condition = self._prompts.embed(model, spec.prompt)
        self._unconditional = (
            self._prompts.embed(model, spec.negative_prompt, negative=True) if self._guided else None
        )
        if isinstance(spec.start, WalkStart):
            ends = generators_of([spec.seeds[0], spec.seeds[-1]])
            noise_ends = draw(ends, shape)
            self._noise = path(noise_ends[0], noise_ends[1], rows, spec.start.method).to(device)
            # A stochastic sampler draws a frame's later noise as its nearer end would.
            self._generators = [clone_generator(ends[2 * row >= rows]) for row in range(rows)]
            end = self._prompts.embed(model, spec.start.end_prompt)
            self._conditional = tuple(_between(*pair, rows) for pair in zip(condition, end, strict=True))
        else:
            self._generators = generators_of(spec.seeds)
            self._noise = draw(self._generators, shape).to(device)
            self._conditional = _repeated(condition, rows)
        context = model.encode_context(spec.height, spec.width, *_shown(spec.start))
        self._conditional += _repeated(context, rows)
        if self._unconditional is not None:
            self._unconditional += context
        self._clean: torch.Tensor | None = None
        self._mask: torch.Tensor | None = None
        if isinstance(spec.start, ImageStart):
            self._clean = model.encode(to_tensor([spec.start.image])).expand(rows, *shape)
            self._sample = self._schedule.add_noise(self._clean, self._noise, spec.first_step)
            # A denoiser that sees what is kept was trained to go on from it by itself.
            if spec.start.mask is not None and not context:
                # A cell may change if any of its pixels may; `run` restores the others exactly.
                mask = torch.from_numpy(spec.start.mask)[None, None].float()
                self._mask = functional.max_pool2d(mask, model.cell_size).bool().to(device)
        else:
            self._sample = self._noise * self._schedule.initial_sigma
        self._input: torch.Tensor | None = None
        self._predicted: torch.Tensor | None = None

    def rows(self, part: Slice) -> Rows:
        """Input of the forward pass for the rows of `part`."""
        step = self._spec.first_step + part.step
        if self._input is None:
            self._input = self._schedule.scale_input(self._sample, step)
        chosen = slice(part.start, part.stop)
        return Rows(
            self._input[chosen],
            self._schedule.timestep(step),
            tuple(tensor[chosen] for tensor in self._conditional),
            self._unconditional,
            self._spec.guidance_scale,
            1.0 if self._spec.truncation is None else self._spec.truncation,
        )

    def accept(self, part: Slice, prediction: torch.Tensor) -> None:
        """Take the guided prediction, float32 [n, c, h, w], for the rows of `part`."""
        if self._predicted is None:
            # A one-step generator's latents have another shape than the noise they come from.
            self._predicted = prediction.new_empty((len(self._spec.seeds), *prediction.shape[1:]))
        self._predicted[part.start : part.stop] = prediction

    def advance(self, done: int) -> list[DeviceEvent]:
        """Take the sampler's step once all rows have their prediction; `done` counts steps with this one."""
        spec = self._spec
        assert self._predicted is not None, "no rows were accepted"
        step = spec.first_step + done - 1
        self._sample, clean = self._schedule.step(self._predicted, step, self._sample, self._generators)
        self._input = None
        last = done == spec.step_count
        if self._mask is not None and self._clean is not None:
            known = self._clean if last else self._schedule.add_noise(self._clean, self._noise, step + 1)
            self._sample = torch.where(self._mask, self._sample, known)
            clean = torch.where(self._mask, clean, self._clean)
        events: list[DeviceEvent] = [Progress(done, spec.step_count)]
        if spec.preview_every_steps and done % spec.preview_every_steps == 0 and not last:
            images = to_images(self.model.render_previews(clean))
            events += [RawPreview(index, done, image) for index, image in enumerate(images)]
        return events

    def next_stage(self) -> Stage | None:
        """Decode after denoising."""
        if self._phase == "decode":
            return None
        chunks = chunk_count(len(self._spec.seeds), self._spec.width * self._spec.height)
        self._phase = "decode"
        self._stage = Stage(StageKey(self._spec.model, owner=self._owner), 1, chunks)
        return self._stage

    def run(self, step: int) -> list[DeviceEvent]:
        """Decode chunk `step`."""
        size = rows_per_chunk(self._spec.width * self._spec.height)
        first = step * size
        images = decode(self.model, self._sample[first : first + size], self.passes)
        start = self._spec.start
        if isinstance(start, ImageStart) and start.mask is not None:
            images = [np.where(start.mask[..., None], image, start.image) for image in images]
        return [
            RawImage(first + row, image, self._spec.seeds[first + row]) for row, image in enumerate(images)
        ]


def forward(parts: Sequence[tuple[DenoisingTask, Slice]]) -> None:
    """One forward pass for slices of tasks of one stage key; each gets its guided prediction.

    Classifier-free guidance (Ho and Salimans, 2022), a scale a row: uncond + scale * (cond - uncond).
    Unconditional rows are computed only where a scale above 1 asks for them.
    """
    inputs = [task.rows(part) for task, part in parts]
    guided = [rows for rows in inputs if rows.unconditional is not None]
    every = (*inputs, *guided)
    sizes = [len(rows.latents) for rows in every]
    conditions = [rows.conditional for rows in inputs]
    conditions += [
        _repeated(rows.unconditional, len(rows.latents)) for rows in guided if rows.unconditional is not None
    ]
    task, _ = parts[0]
    with adapted(task.loras):
        prediction = task.passes.predict(
            task.model,
            ModelInput(
                torch.cat([rows.latents for rows in every]),
                _each([rows.timestep for rows in every], sizes),
                tuple(torch.cat(tensors) for tensors in zip(*conditions, strict=True)),
                _each([rows.truncation for rows in every], sizes),
                _each([rows.guidance_scale for rows in every], sizes),
            ),
        )
    pieces = iter(torch.split(prediction, sizes))
    conditional = [next(pieces) for _ in inputs]
    for (task, part), rows, piece in zip(parts, inputs, conditional, strict=True):
        result = piece
        if rows.unconditional is not None:
            unconditional = next(pieces)
            result = unconditional + rows.guidance_scale * (piece - unconditional)
        task.accept(part, result)


def _shown(start: NoiseStart | ImageStart | WalkStart) -> tuple[torch.Tensor, ...]:
    """The image [1, 3, H, W] and the mask [1, 1, H, W] of an inpainting; nothing of other starts."""
    if not isinstance(start, ImageStart) or start.mask is None:
        return ()
    return to_tensor([start.image]), torch.from_numpy(start.mask)[None, None].float()


def _each(values: Sequence[float], sizes: Sequence[int]) -> torch.Tensor:
    """Float32 [sum of sizes], value i repeated sizes[i] times."""
    return torch.tensor(values).repeat_interleave(torch.tensor(sizes))


def _repeated(condition: Condition, rows: int) -> Condition:
    """The condition of one prompt for each of `rows` rows."""
    return tuple(tensor.expand(rows, *tensor.shape) for tensor in condition)


def _between(start: torch.Tensor, end: torch.Tensor, rows: int) -> torch.Tensor:
    """Points [rows, ...] from start to end, evenly spaced; the nearer end where there are none between."""
    if not start.is_floating_point():
        return torch.stack([end if 2 * row >= rows else start for row in range(rows)])
    weights = torch.linspace(0, 1, rows, dtype=start.dtype, device=start.device)
    return torch.lerp(start[None], end[None], weights.view(-1, *(1 for _ in start.shape)))
