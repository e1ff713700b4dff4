"""The composition root: reads the config, builds, wires, starts."""

import asyncio
import contextlib
import os
import sys

import structlog
import torch
import uvloop
from diffusers.utils import logging as diffusers_logging
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import adapters_pb2_grpc, image_pb2_grpc
from serving.config import load_settings
from serving.errors import QuadrilleError
from serving.log import configure_logging
from serving.loras import split_lora
from serving.server import GrpcServer, run
from serving.watch import watch
from transformers.utils import logging as transformers_logging

from imagegen.allocator import keep_pages
from imagegen.batch_runner import BatchRunner
from imagegen.config import ImagegenSettings, split_reference
from imagegen.device_meter import open_device_meter
from imagegen.domain import SafetyPolicy
from imagegen.engine import Engine
from imagegen.loras import ModelLoras
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import LatentModel
from imagegen.models.loading import LoadOptions, ModelLoadError, load_model
from imagegen.models.loading.version import weights_version
from imagegen.models.lora import lora_reader
from imagegen.models.passes import FixedPasses, Passes
from imagegen.prompts import PromptCache
from imagegen.safety.clip import SafetyLoadError, load_clip_checker
from imagegen.safety.screen import Screen
from imagegen.scheduler import Scheduler
from imagegen.servicer import ADAPTER_SERVICE, SERVICE, AdapterServicer, ImageServicer
from imagegen.signing import ImageSigner, SigningError
from imagegen.step_profile import StepProfile
from imagegen.validation import Limits
from imagegen.warm_up import WarmUp
from imagegen.worker import Worker
from imagegen.writing import ImageWriter

log = structlog.get_logger(__name__)


def build_engine(settings: ImagegenSettings, registry: CollectorRegistry) -> Engine:
    """An engine that will load the models that the settings name."""
    meter = open_device_meter(device_of(settings))
    metrics = ImagegenMetrics(registry, counts_energy=meter.counts_energy)
    screen = Screen(settings.safety_policy, metrics)
    profile, runner = StepProfile(), BatchRunner(meter, screen=screen)
    rows = settings.max_batch_rows
    passes = FixedPasses(settings.strict_rows) if settings.strict else Passes()
    scheduler = Scheduler(rows, settings.max_running_rows, settings.max_waiting, profile.max_evaluations)
    limits = Limits(
        settings.max_steps,
        settings.max_request_pixels,
        settings.max_image_bytes,
        # Nothing judges previews.
        previews=settings.safety_checker is None or settings.safety_policy is SafetyPolicy.FLAG,
    )
    warm_up = WarmUp(runner, profile, limits, passes, max_rows=rows, seconds=settings.warm_up_seconds)
    signer = build_signer(settings)
    versions: dict[str, str] = {}

    def load() -> list[LatentModel]:
        models = load_models(settings)
        if signer is not None:
            named = map(split_reference, settings.models)
            versions.update((model_id, weights_version(reference)) for model_id, reference in named)
        if settings.safety_checker is not None:
            screen.checker = load_clip_checker(
                settings.safety_checker, device_of(settings), getattr(torch, settings.dtype)
            )
        return models

    return Engine(
        load,
        Worker(scheduler, metrics, settings.threads, profile=profile, runner=runner),
        PromptCache(settings.prompt_cache_entries, metrics),
        limits,
        ModelLoras(lora_reader, settings.lora_options, metrics),
        warm_up if settings.warm_up_seconds else None,
        passes,
        ImageWriter(signer, versions),
    )


def build_signer(settings: ImagegenSettings) -> ImageSigner | None:
    """The signer of images, if one is configured. Raises SigningError."""
    certificates, key = settings.c2pa_certificates, settings.c2pa_key
    if certificates is None or key is None:
        return None
    return ImageSigner(certificates, key, settings.c2pa_algorithm, settings.c2pa_timestamp_url)


def device_of(settings: ImagegenSettings) -> torch.device:
    """Where torch computes. Raises ModelLoadError where there is no such device."""
    has_cuda = torch.cuda.is_available()
    if settings.device == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    if settings.device.startswith("cuda") and not has_cuda:
        raise ModelLoadError(f"device is {settings.device}, but torch finds no CUDA device here")
    return torch.device(settings.device)


def load_models(settings: ImagegenSettings) -> list[LatentModel]:
    """Load every model. Raises ModelLoadError."""
    options = LoadOptions(
        dtype=getattr(torch, settings.dtype),
        device=device_of(settings),
        max_size=settings.max_size,
        default_steps=settings.default_steps,
        default_guidance_scale=settings.default_guidance_scale,
        score_sigma=settings.score_sigma,
    )
    models = []
    for model_id, reference in map(split_reference, settings.models):
        models.append(load_model(model_id, reference, options))
        log.info("model_loaded", model=model_id, parameters=models[-1].description.parameter_count)
    return models


def use_deterministic_kernels() -> None:
    """Have torch take kernels that give the same bits every time, and refuse where it has none."""
    # cuBLAS reads this when it first meets a device.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


async def serve(settings: ImagegenSettings) -> None:
    """Serve until signalled."""
    registry = CollectorRegistry()
    engine = build_engine(settings, registry)
    server = GrpcServer(settings, registry=registry)
    image_pb2_grpc.add_ImageServiceServicer_to_server(ImageServicer(engine), server.grpc)
    adapters_pb2_grpc.add_AdapterServiceServicer_to_server(AdapterServicer(engine.loras), server.grpc)
    watching: list[asyncio.Task[None]] = []

    async def start() -> None:
        await engine.start()
        for item in settings.loras:
            _, adapter = await engine.loras.load(*split_lora(item))
            log.info("lora_loaded", lora=item, rank=adapter.rank, sha256=adapter.sha256)
        healthy = lambda: engine.healthy(settings.stall_seconds)  # noqa: E731
        watching.append(asyncio.create_task(watch(healthy, server.set_serving)))

    async def stop() -> None:
        for task in watching:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await engine.stop()

    await run(server, services=[SERVICE, ADAPTER_SERVICE], start=start, stop=stop)


def main() -> None:
    """Entry point of `python -m imagegen`."""
    keep_pages()
    settings = load_settings(ImagegenSettings)
    configure_logging(settings.service, settings.log_level)
    if settings.strict:
        use_deterministic_kernels()
    # The loaders' progress bars would break up the log.
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        uvloop.run(serve(settings))
    except (ModelLoadError, SafetyLoadError, SigningError, QuadrilleError, OSError) as error:
        sys.stderr.write(f"imagegen cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
