"""Composition root of the text service: python -m textgen."""

import asyncio
import sys

import structlog
import torch
import uvloop
from prometheus_client import CollectorRegistry
from quadrille.text.v1 import text_pb2_grpc
from serving.config import load_settings
from serving.log import configure_logging
from serving.server import GrpcServer, run
from serving.watch import watch
from transformers.utils import logging as transformers_logging

from textgen.assembly import Assembler
from textgen.config import TextgenSettings, split_reference
from textgen.energy import open_meter
from textgen.engine import Engine
from textgen.metrics import TextMetrics
from textgen.models.loading import LoadOptions, ModelLoadError, load_checkpoint
from textgen.registry import ModelRegistry
from textgen.scheduler import Limits
from textgen.servicer import SERVICE, TextServicer
from textgen.worker import DeviceWorker

log = structlog.get_logger(__name__)


def load_models(settings: TextgenSettings, assembler: Assembler) -> ModelRegistry:
    """Load every model that the settings name. Raises ModelLoadError."""
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    reason = "configured" if settings.engine == "torch" else "auto: the embedded engine"
    options = LoadOptions(getattr(torch, settings.dtype), torch.device(device), reason)
    models = []
    for model_id, reference in map(split_reference, settings.models):
        models.append(assembler.assemble(load_checkpoint(model_id, reference, options)))
        info = models[-1].info
        log.info(
            "model_loaded", model=model_id, parameters=info.parameter_count, engine=info.engine, reason=reason
        )
    return ModelRegistry(models)


async def serve(settings: TextgenSettings) -> None:
    """Serve until signalled."""
    registry = CollectorRegistry()
    meter, worker = open_meter(), DeviceWorker()
    limits = Limits(settings.max_batch_size, settings.max_batch_tokens, settings.max_prefill_tokens)
    metrics = TextMetrics(registry, has_meter=meter is not None)
    assembler = Assembler(worker, limits, settings.max_waiting, metrics, meter)
    engine = Engine(ModelRegistry())
    server = GrpcServer(settings, registry=registry)
    text_pb2_grpc.add_TextServiceServicer_to_server(TextServicer(engine), server.grpc)
    watching: list[asyncio.Task[None]] = []

    async def start() -> None:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        engine.models = await asyncio.to_thread(load_models, settings, assembler)
        worker.start()
        healthy = lambda: worker.healthy(settings.stall_seconds)  # noqa: E731
        watching.append(asyncio.create_task(watch(healthy, server.set_serving)))

    async def stop() -> None:
        for task in watching:
            task.cancel()
        await asyncio.to_thread(worker.stop)

    await run(server, services=[SERVICE], start=start, stop=stop)


def main() -> None:
    """Read the settings and serve; a model that cannot be loaded ends the start with a sentence."""
    settings = load_settings(TextgenSettings)
    configure_logging(settings.service, settings.log_level)
    transformers_logging.disable_progress_bar()
    try:
        uvloop.run(serve(settings))
    except (ModelLoadError, OSError) as error:
        sys.stderr.write(f"textgen cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
