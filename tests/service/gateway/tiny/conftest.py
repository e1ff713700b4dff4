"""The gateway before the true services, each with a tiny model of random weights or an empty store."""

import contextlib
import io

import numpy as np
import openai
import pytest
import torch
import transformers
from gateway.__main__ import Gateway
from gateway.config import GatewaySettings
from imagegen.__main__ import build_engine as build_image_engine
from imagegen.config import ImagegenSettings
from imagegen.models.loading import LoadOptions as ImageLoadOptions
from imagegen.models.loading import load_model
from imagegen.servicer import ADAPTER_SERVICE as IMAGE_ADAPTERS
from imagegen.servicer import SERVICE as IMAGE
from imagegen.servicer import AdapterServicer as ImageAdapterServicer
from imagegen.servicer import ImageServicer
from imagegen.testing import save_tiny_lora, save_tiny_pipeline
from PIL import Image
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import adapters_pb2_grpc as image_adapters_pb2_grpc
from quadrille.image.v1 import image_pb2_grpc
from quadrille.text.v1 import text_pb2_grpc
from retrieval.__main__ import build_engine as build_store
from retrieval.config import RetrievalSettings
from retrieval.servicers import SERVICES as RETRIEVAL
from retrieval.servicers import register as register_retrieval
from serving.config import ServiceSettings
from serving.server import GrpcServer
from serving.testing import running
from textgen.assembly import Assembler
from textgen.engine import Engine
from textgen.idempotency import Idempotency
from textgen.metrics import TextMetrics
from textgen.models.loading import LoadOptions, load_checkpoint
from textgen.registry import ModelRegistry
from textgen.scheduler import Limits
from textgen.servicer import SERVICE as TEXT
from textgen.servicer import TextServicer
from textgen.worker import DeviceWorker
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors


def save_embedder(folder):
    """An encoder of BERT's shape over single letters."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Tokenizer(
        models.WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    config = transformers.BertConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=48,
        vocab_size=len(words),
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
        model_max_length=64,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory):
    """Folders: "pipeline", "embedder" and "loras", which holds an adapter "dots" of the pipeline."""
    root = tmp_path_factory.mktemp("tiny")
    found = {"pipeline": save_tiny_pipeline(root / "pipeline"), "embedder": save_embedder(root / "embedder")}
    image_model = load_model("tiny", str(found["pipeline"]), ImageLoadOptions())
    save_tiny_lora(root / "loras" / "dots", image_model.lora_parts, seed=1)
    return {**found, "loras": root / "loras"}


class Stack:
    """Addresses of running services, and gateways before them."""

    def __init__(self, addresses, stack):
        self.addresses = addresses
        self._stack = stack

    async def gateway(self, **options):
        """A gateway; it ends with the test, or by its `close`."""
        settings = GatewaySettings(
            port=0, http_port=0, drain_grace_s=1, health_interval_s=0.05, **self.addresses, **options
        )
        gateway = Gateway(settings)
        await gateway.server.start(gateway.services)
        await gateway.start()

        async def close():
            await gateway.server.drain()
            await gateway.stop()

        self._stack.push_async_callback(close)
        return gateway

    async def client(self, gateway, api_key="none"):
        """OpenAI's own client at its HTTP door."""
        client = openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{gateway.http.bound_port}/v1", api_key=api_key, max_retries=0
        )
        return await self._stack.enter_async_context(client)


@pytest.fixture
async def services(tiny_models, tmp_path, monkeypatch):
    """The three services; keys of "keys.toml" in the test's folder hold where there is one."""
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)
    async with contextlib.AsyncExitStack() as stack:
        addresses = {
            "text_addresses": (await stack.enter_async_context(text_service(tiny_models["embedder"])),),
            "image_addresses": (await stack.enter_async_context(image_service(tiny_models)),),
            "retrieval_address": await stack.enter_async_context(retrieval_service(tmp_path / "store")),
        }
        yield Stack(addresses, stack)


@contextlib.asynccontextmanager
async def text_service(embedder):
    registry, worker = CollectorRegistry(), DeviceWorker()
    assembler = Assembler(worker, Limits(4, 1024, 256), 8, 4096, TextMetrics(registry), None)
    options = LoadOptions(torch.float32, torch.device("cpu"), "test")
    loaded = assembler.assemble(load_checkpoint("embedder", str(embedder), options))
    server = GrpcServer(ServiceSettings(drain_grace_s=0), registry=registry)
    text_pb2_grpc.add_TextServiceServicer_to_server(
        TextServicer(Engine(ModelRegistry([loaded]), Idempotency(60.0))), server.grpc
    )
    worker.start()
    async with running(server, services=[TEXT]) as address:
        yield address
    worker.stop()


@contextlib.asynccontextmanager
async def image_service(tiny_models):
    settings = ImagegenSettings(
        port=0,
        metrics_port=0,
        models=(f"tiny={tiny_models['pipeline']}",),
        lora_dir=tiny_models["loras"],
        default_steps=4,
        drain_grace_s=0,
    )
    registry = CollectorRegistry()
    engine = build_image_engine(settings, registry)
    await engine.start()
    await engine.loras.load("tiny", "dots")
    server = GrpcServer(settings, registry=registry)
    image_pb2_grpc.add_ImageServiceServicer_to_server(ImageServicer(engine), server.grpc)
    image_adapters_pb2_grpc.add_AdapterServiceServicer_to_server(
        ImageAdapterServicer(engine.loras), server.grpc
    )
    async with running(server, services=[IMAGE, IMAGE_ADAPTERS]) as address:
        yield address
    await engine.stop()


@contextlib.asynccontextmanager
async def retrieval_service(folder):
    settings = RetrievalSettings(port=0, metrics_port=0, data_dir=folder, drain_grace_s=0)
    registry = CollectorRegistry()
    engine = build_store(settings, registry)
    await engine.start()
    server = GrpcServer(settings, registry=registry)
    register_retrieval(server.grpc, engine, settings.ingest_window)
    async with running(server, services=RETRIEVAL) as address:
        yield address
    await engine.stop()


@pytest.fixture
async def client(services):
    """OpenAI's client at a gateway that asks for no keys."""
    return await services.client(await services.gateway())


@pytest.fixture
def png():
    """`png(array)`: a PNG of an array [H, W] or [H, W, channels] of bytes."""

    def encode(array):
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(array, dtype=np.uint8)).save(buffer, "PNG")
        return buffer.getvalue()

    return encode
