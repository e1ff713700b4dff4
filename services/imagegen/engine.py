"""The async facade: plan off the event loop, queue for the device thread, write files off both."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from serving.errors import InvalidInput, Unavailable
from serving.threads import in_passing_thread

from imagegen.denoising import DenoisingTask
from imagegen.domain import (
    Bound,
    Capability,
    DecodeRequest,
    EditRequest,
    EncodeRequest,
    GenerateRequest,
    ImageFormat,
    InterpolateRequest,
    Latent,
    ModelDescription,
    ScoreMethod,
    ScoreRequest,
)
from imagegen.events import (
    DeviceEvent,
    Done,
    Finished,
    ImageFile,
    ImageResult,
    Preview,
    Progress,
    Queued,
    RawBound,
    RawImage,
    RawLatent,
    RawPreview,
    Safety,
    StreamEvent,
    Timings,
)
from imagegen.flow_score import FlowScoreTask, describe_flow
from imagegen.images import write
from imagegen.latent_tasks import DecodeTask, EncodeTask, ScoreTask, WalkTask
from imagegen.loras import ModelLoras
from imagegen.mailbox import Mailbox
from imagegen.models.base import DiffusionModel, LatentModel
from imagegen.models.passes import Passes
from imagegen.planning import plan_decode, plan_edit, plan_encode, plan_generate, plan_score, seeds_of
from imagegen.prompts import PromptCache
from imagegen.registry import ModelRegistry
from imagegen.specs import DenoiseSpec
from imagegen.tasks import Task
from imagegen.validation import Limits
from imagegen.walks import plan_interpolate
from imagegen.warm_up import WarmUp
from imagegen.worker import Job, Worker
from imagegen.writing import ImageWriter

Events = AsyncGenerator[StreamEvent, None]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What comes with a call besides its request: an id, and a deadline on `time.monotonic()` or None."""

    request_id: str = ""
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """Latents in the order asked."""

    latents: tuple[Latent, ...]
    model: str
    timings: Timings


@dataclass(frozen=True, slots=True)
class Decoded:
    """Images in the order asked, and what a safety filter, if there is one, says of each."""

    images: tuple[ImageFile, ...]
    model: str
    timings: Timings
    safety: tuple[Safety, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """Bounds in the order asked, and how they were computed."""

    bounds: tuple[Bound, ...]
    model: str
    method: str
    timings: Timings


class Engine:
    """Answers requests with the models that `load` gives. Every method may raise serving's errors.

    Streams must be closed by their reader (`contextlib.aclosing`): that is what cancels the work.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[LatentModel]],
        worker: Worker,
        prompts: PromptCache,
        limits: Limits,
        loras: ModelLoras,
        warm_up: WarmUp | None = None,
        passes: Passes | None = None,
        writer: ImageWriter | None = None,
    ) -> None:
        """`warm_up`, if any, is run on the device thread once the models are loaded.

        `passes` puts the rows of all requests into passes, by default as they come.
        """
        self.loras = loras
        self._load = load
        self._worker = worker
        self._prompts = prompts
        self._limits = limits
        self._warm_up = warm_up
        self._passes = passes
        self._writer = writer or ImageWriter()
        self._models: ModelRegistry | None = None
        self._ids = itertools.count(1)

    async def start(self) -> None:
        """Load the models, start the device thread, warm it up."""
        models = ModelRegistry(await in_passing_thread(self._load))
        self.loras.serve(models)

        def prepare() -> None:
            if self._warm_up is not None:
                self._warm_up.run(models)

        await asyncio.to_thread(self._worker.start, prepare)
        self._models = models

    async def stop(self) -> None:
        """Fail what is left and end the device thread."""
        await asyncio.to_thread(self._worker.stop)

    def healthy(self, stall_seconds: float) -> bool:
        """False when work waits and nothing moved for `stall_seconds`, or the models are not loaded."""
        return self._models is not None and self._worker.healthy(stall_seconds)

    def list_models(self) -> list[ModelDescription]:
        """The loaded models, the default first."""
        described = (model.description for model in self._registry.models)
        return [replace(each, loras=self.loras.names(each.id)) for each in described]

    async def generate(self, request: GenerateRequest, envelope: Envelope) -> Events:
        """Images from a prompt."""
        spec = plan_generate(request, self._registry, self._limits)
        job = self._denoising(spec)
        envelope = replace(envelope, request_id=request.request_id or envelope.request_id)
        return self._stream(job, spec.model, spec.format, envelope, request.priority, spec)

    async def edit(self, request: EditRequest, envelope: Envelope) -> Events:
        """Images from a prompt and an image."""
        spec = await asyncio.to_thread(plan_edit, request, self._registry, self._limits)
        job = self._denoising(spec)
        envelope = replace(envelope, request_id=request.request_id or envelope.request_id)
        return self._stream(job, spec.model, spec.format, envelope, request.priority, spec)

    async def interpolate(self, request: InterpolateRequest, envelope: Envelope) -> Events:
        """Frames between two points."""
        plan = await asyncio.to_thread(plan_interpolate, request, self._registry, self._limits)
        spec = plan if isinstance(plan, DenoiseSpec) else None
        if isinstance(plan, DenoiseSpec):
            job = self._denoising(plan)
        else:
            owner = next(self._ids)
            model = self._registry.resolve(plan.model)
            walk = WalkTask(owner, model, plan.ends, plan.shape, plan.frames, plan.method, self._passes)
            job = Job(owner, walk, Mailbox())
        envelope = replace(envelope, request_id=request.request_id or envelope.request_id)
        return self._stream(job, plan.model, request.parameters.format, envelope, 0, spec)

    async def encode(self, request: EncodeRequest, envelope: Envelope) -> Encoded:
        """Latents of images."""
        model = self._registry.resolve(request.model, Capability.ENCODE)
        images, seeds = await asyncio.to_thread(plan_encode, request, model.description, self._limits)
        owner = next(self._ids)
        task = EncodeTask(owner, model, images, seeds, self._passes)
        events, done = await self._collect(owner, task, envelope)
        latents = tuple(event.latent for event in events if isinstance(event, RawLatent))
        return Encoded(latents, model.description.id, done.timings)

    async def decode(self, request: DecodeRequest, envelope: Envelope) -> Decoded:
        """Images of latents."""
        model = self._registry.resolve(request.model, Capability.DECODE)
        plan_decode(request, model.description, self._limits)
        owner = next(self._ids)
        task = DecodeTask(owner, model, request.latents, self._passes)
        events, done = await self._collect(owner, task, envelope)
        begun = time.monotonic()
        raw = [event for event in events if isinstance(event, RawImage)]
        name = model.description.id
        files = [await asyncio.to_thread(self._writer.write, image, request.format, name) for image in raw]
        safety = tuple(image.safety for image in raw if image.safety is not None)
        return Decoded(tuple(files), name, _add_writing(done.timings, begun), safety)

    async def score(self, request: ScoreRequest, envelope: Envelope) -> Scored:
        """Likelihood bounds of images."""
        model = self._registry.resolve(request.model, Capability.SCORE)
        plan = await asyncio.to_thread(plan_score, request, model.description, self._limits)
        owner, seeds = next(self._ids), seeds_of(request.seed, request.samples)
        task: Task
        if plan.method is ScoreMethod.PROBABILITY_FLOW and isinstance(model, DiffusionModel):
            task = FlowScoreTask(owner, model, plan, seeds, request.prompt, self._prompts)
            method = describe_flow(model, plan.steps)
        else:
            task = ScoreTask(owner, model, plan.images, request.samples, request.seed)
            method = model.score_method
        events, done = await self._collect(owner, task, envelope)
        bounds = tuple(event.bound for event in events if isinstance(event, RawBound))
        return Scored(bounds, model.description.id, method, done.timings)

    @property
    def _registry(self) -> ModelRegistry:
        if self._models is None:
            raise Unavailable("the models are still loading")
        return self._models

    def _denoising(self, spec: DenoiseSpec) -> Job:
        model = self._registry.resolve(spec.model)
        if not isinstance(model, DiffusionModel):
            raise InvalidInput("model", f"{spec.model} does not denoise")
        owner, loras = next(self._ids), self.loras.hold(spec.model, spec.loras)
        return Job(owner, DenoisingTask(owner, model, spec, self._prompts, loras, self._passes), Mailbox())

    async def _collect(self, owner: int, task: Task, envelope: Envelope) -> tuple[list[DeviceEvent], Done]:
        job = Job(owner, task, Mailbox())
        self._worker.submit(job, 0, envelope.deadline)
        events: list[DeviceEvent] = []
        try:
            async for event in job.mailbox.events():
                if isinstance(event, Done):
                    return events, event
                events.append(event)
        finally:
            self._worker.cancel(job.id)
        raise AssertionError("a mailbox ends with Done or raises")

    async def _stream(
        self,
        job: Job,
        model: str,
        file_format: ImageFormat,
        envelope: Envelope,
        priority: int,
        spec: DenoiseSpec | None,
    ) -> Events:
        position = self._worker.submit(job, priority, envelope.deadline)
        writing = 0.0
        try:
            yield Queued(envelope.request_id, model, position)
            async with aclosing(job.mailbox.events()) as events:
                async for event in events:
                    begun = time.monotonic()
                    match event:
                        case Progress():
                            yield event
                        case RawPreview(index, step, pixels):
                            file = await asyncio.to_thread(write, pixels, ImageFormat.PNG)
                            yield Preview(index, step, file)
                        case RawImage(index, _, seed, safety):
                            file = await asyncio.to_thread(
                                self._writer.write, event, file_format, model, spec
                            )
                            writing += time.monotonic() - begun
                            yield ImageResult(index, file, seed, safety)
                        case Done(images, steps, timings):
                            decode_ms = timings.decode_ms + 1e3 * writing
                            yield Finished(images, steps, replace(timings, decode_ms=decode_ms))
        finally:
            # Harmless when the job is done; otherwise its rows are free after the step that is running.
            self._worker.cancel(job.id)


def _add_writing(timings: Timings, begun: float) -> Timings:
    return replace(timings, decode_ms=timings.decode_ms + 1e3 * (time.monotonic() - begun))
