"""Composition root of the text service: python -m textgen."""

import asyncio
import sys

import structlog
import torch
import uvloop
from prometheus_client import CollectorRegistry
from quadrille.text.v1 import adapters_pb2_grpc, text_pb2_grpc
from serving.config import load_settings
from serving.energy import EnergyMeter, open_nvml, open_rapl
from serving.errors import QuadrilleError
from serving.log import configure_logging
from serving.loras import split_lora
from serving.server import GrpcServer, run
from serving.threads import in_passing_thread
from serving.watch import watch
from transformers.utils import logging as transformers_logging

from textgen.assembly import Assembler
from textgen.config import TextgenSettings, split_reference
from textgen.engine import Engine
from textgen.engine_choice import EngineUnavailable, choose_engine
from textgen.idempotency import Idempotency
from textgen.metrics import TextMetrics
from textgen.models.checkpoint import ModelLoadError, open_files
from textgen.models.loading import LoadOptions, load_weights
from textgen.models.vllm_engine import is_installed
from textgen.registry import ModelRegistry
from textgen.scheduler import Limits
from textgen.servicer import ADAPTER_SERVICE, SERVICE, AdapterServicer, TextServicer
from textgen.vllm_assembly import VllmAssembler
from textgen.worker import DeviceWorker

log = structlog.get_logger(__name__)


def device_of(settings: TextgenSettings) -> torch.device:
    """Where torch computes."""
    if settings.device != "auto":
        return torch.device(settings.device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def open_meter(settings: TextgenSettings) -> EnergyMeter | None:
    """The meter of the device that torch computes on, if it has one that can be read."""
    device = device_of(settings)
    if device.type == "cpu":
        return open_rapl()
    # Asking for its UUID begins CUDA, and where vLLM is to run that is left to its own processes.
    if not torch.cuda.is_available() or (settings.engine != "torch" and is_installed()):
        return None
    return open_nvml(f"GPU-{torch.cuda.get_device_properties(device).uuid}")


def load_models(settings: TextgenSettings, assembler: Assembler, vllm: VllmAssembler) -> ModelRegistry:
    """Load every model that the settings name. Raises ModelLoadError, EngineUnavailable."""
    has_cuda = torch.cuda.is_available()
    choice = choose_engine(
        settings.engine, device=settings.device, has_vllm=is_installed(), has_cuda=has_cuda
    )
    device = device_of(settings)
    models = []
    for model_id, reference in map(split_reference, settings.models):
        files = open_files(model_id, reference)
        picked = choice.of(is_decoder=files.is_decoder)
        if picked.engine == "vllm":
            models.append(vllm.assemble(files, settings.dtype, picked.reason))
        else:
            options = LoadOptions(getattr(torch, settings.dtype), device, picked.reason, settings.int8)
            models.append(assembler.assemble(load_weights(files, options)))
        info = models[-1].info
        log.info(
            "model_loaded",
            model=model_id,
            parameters=info.parameter_count,
            engine=info.engine,
            reason=info.engine_reason,
        )
    return ModelRegistry(models)


async def serve(settings: TextgenSettings) -> None:
    """Serve until signalled."""
    registry = CollectorRegistry()
    meter, worker = open_meter(settings), DeviceWorker()
    limits = Limits(settings.max_batch_size, settings.max_batch_tokens, settings.max_prefill_tokens)
    metrics = TextMetrics(registry, has_meter=meter is not None)
    waiting = settings.max_waiting, settings.max_waiting_tokens
    assembler = Assembler(
        worker,
        limits,
        *waiting,
        metrics,
        meter,
        settings.tool_format,
        settings.lora_options,
        compiles=settings.compile,
    )
    vllm = VllmAssembler(
        limits,
        *waiting,
        metrics,
        memory_ratio=settings.vllm_memory_ratio,
        eager=settings.vllm_eager,
        tool_format=settings.tool_format,
    )
    engine = Engine(ModelRegistry(), Idempotency(settings.replay_seconds))
    server = GrpcServer(settings, registry=registry)
    text_pb2_grpc.add_TextServiceServicer_to_server(TextServicer(engine), server.grpc)
    adapters_pb2_grpc.add_AdapterServiceServicer_to_server(AdapterServicer(engine), server.grpc)
    watching: list[asyncio.Task[None]] = []

    async def start() -> None:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        engine.models = await in_passing_thread(lambda: load_models(settings, assembler, vllm))
        for item in settings.loras:
            _, adapter = await engine.load_lora(*split_lora(item))
            log.info("lora_loaded", lora=item, rank=adapter.rank, sha256=adapter.sha256)
        await vllm.warm_up()
        worker.start()

        def tend() -> bool:
            """Begin anew when the device is stuck; whether all is well."""
            if worker.healthy(settings.stall_seconds):
                return vllm.healthy(settings.stall_seconds)
            log.error("device_stuck", seconds=settings.stall_seconds)
            metrics.restarts.inc()
            worker.restart()
            return False  # until the next look

        watching.append(asyncio.create_task(watch(tend, server.set_serving)))

    async def stop() -> None:
        for task in watching:
            task.cancel()
        await asyncio.to_thread(worker.stop)
        await asyncio.to_thread(vllm.close)

    await run(server, services=[SERVICE, ADAPTER_SERVICE], start=start, stop=stop)


def main() -> None:
    """Read the settings and serve; a model or an adapter that cannot be loaded ends the start with a sentence."""
    settings = load_settings(TextgenSettings)
    configure_logging(settings.service, settings.log_level)
    transformers_logging.disable_progress_bar()
    try:
        uvloop.run(serve(settings))
    except (ModelLoadError, EngineUnavailable, QuadrilleError, OSError) as error:
        sys.stderr.write(f"textgen cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
