"""The starter model in each engine that is installed, as the composition root puts it together."""

from importlib.util import find_spec
from pathlib import Path

import torch
from prometheus_client import CollectorRegistry
from textgen.assembly import Assembler
from textgen.metrics import TextMetrics
from textgen.models.checkpoint import open_files
from textgen.models.loading import LoadOptions, load_weights
from textgen.scheduler import Limits
from textgen.vllm_assembly import VllmAssembler
from textgen.worker import DeviceWorker

STARTER = Path(__file__).resolve().parents[3] / "starter" / "text" / "model"
LIMITS = Limits(max_batch_size=8, max_batch_tokens=4096, max_prefill_tokens=512)
INSTALLED = ("torch", "vllm") if find_spec("vllm") else ("torch",)


class Served:
    """A served model, and its metrics by name."""

    def __init__(self, name, model, registry, close):
        self.name, self.model, self.close = name, model, close
        self._registry = registry

    def value(self, metric, **labels):
        return self._registry.get_sample_value(f"quadrille_text_{metric}", {"model": "starter", **labels})


async def start(name):
    registry = CollectorRegistry()
    metrics, files = TextMetrics(registry), open_files("starter", str(STARTER))
    if name == "vllm":
        assembler = VllmAssembler(LIMITS, 16, 65536, metrics, memory_ratio=0.2, eager=True)
        model = assembler.assemble(files, "float32", "test")
        await assembler.warm_up()
        return Served(name, model, registry, assembler.close)
    worker = DeviceWorker()
    options = LoadOptions(torch.float32, torch.device("cpu"), "test")
    model = Assembler(worker, LIMITS, 16, 65536, metrics, None).assemble(load_weights(files, options))
    worker.start()
    return Served(name, model, registry, worker.stop)
