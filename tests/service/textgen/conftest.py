"""Tiny models with random weights, made once, loaded through the very code that loads any checkpoint."""

import pytest
import torch
import transformers
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry
from quadrille.text.v1 import adapters_pb2_grpc, text_pb2_grpc
from quadrille_client import AsyncClient
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
from textgen.servicer import ADAPTER_SERVICE, SERVICE, AdapterServicer, TextServicer
from textgen.worker import DeviceWorker
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# As Hermes' and Qwen's: tools in <tools>, calls in <tool_call>.
TOOLS_TEMPLATE = (
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}"
    '<tool_call>\n{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}<|end|>{% endfor %}<|assistant|>"
)
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA = {**SHAPE, "intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 128}


def bpe():
    specials = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the cat sat on the mat and the dog ran"] * 20, trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|end|>", model_max_length=128
    )
    fast.chat_template = TEMPLATE
    return fast


def caller():
    fast = bpe()
    fast.add_tokens(["<tool_call>", "</tool_call>"])
    fast.chat_template, fast.model_max_length = TOOLS_TEMPLATE, 1024
    return fast


def wordpiece():
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        "cat",
        "dog",
        "the",
        "##s",
    ]
    tokenizer = Tokenizer(
        models.WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
        model_max_length=32,
    )


def build(directory, kind, config, tokenizer):
    torch.manual_seed(0)
    model = kind(config)
    for parameter in model.parameters():  # the initial weights are too alike for greedy to mean anything
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    decoder, encoder, calling = bpe(), wordpiece(), caller()
    size, ends = len(decoder), {"bos_token_id": 0, "eos_token_id": 0}
    bert = {**SHAPE, "intermediate_size": 48, "vocab_size": len(encoder), "max_position_embeddings": 32}
    t = transformers
    return {
        "llama": build(
            root / "llama", t.LlamaForCausalLM, t.LlamaConfig(**LLAMA, vocab_size=size, **ends), decoder
        ),
        "caller": build(
            root / "caller",
            t.LlamaForCausalLM,
            t.LlamaConfig(**{**LLAMA, "max_position_embeddings": 1024}, vocab_size=len(calling), **ends),
            calling,
        ),
        "gpt2": build(
            root / "gpt2",
            t.GPT2LMHeadModel,
            t.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=128, vocab_size=size, **ends),
            decoder,
        ),
        "mixtral": build(
            root / "mixtral",
            t.MixtralForCausalLM,
            t.MixtralConfig(**LLAMA, vocab_size=size, num_local_experts=4, num_experts_per_tok=2, **ends),
            decoder,
        ),
        "mistral": build(
            root / "mistral",
            t.MistralForCausalLM,
            t.MistralConfig(**LLAMA, vocab_size=size, sliding_window=8, **ends),
            decoder,
        ),
        "t5": build(
            root / "t5",
            t.T5ForConditionalGeneration,
            t.T5Config(
                d_model=32,
                d_kv=8,
                d_ff=48,
                num_layers=2,
                num_heads=4,
                vocab_size=size,
                decoder_start_token_id=0,
                pad_token_id=0,
                eos_token_id=0,
            ),
            decoder,
        ),
        "embedder": build(root / "embedder", t.BertModel, t.BertConfig(**bert), encoder),
        "reranker": build(
            root / "reranker", t.BertForSequenceClassification, t.BertConfig(**bert, num_labels=1), encoder
        ),
        "masked": build(root / "masked", t.BertForMaskedLM, t.BertConfig(**bert), encoder),
    }


@pytest.fixture(scope="session")
def fault():
    """`fault(error)`: the field that an RpcError of INVALID_ARGUMENT names."""

    def of(error) -> str:
        status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        bad = error_details_pb2.BadRequest()
        assert any(detail.Unpack(bad) for detail in status.details)
        return bad.field_violations[0].field

    return of


class Served:
    def __init__(self, client, address, worker, registry, engine):
        self.client = client
        self.address = address
        self.worker = worker
        self.registry = registry
        self.engine = engine

    def value(self, name, **labels):
        return self.registry.get_sample_value(f"quadrille_text_{name}", labels)


@pytest.fixture
async def serve(checkpoints, monkeypatch):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:

        async def start(
            *names, max_batch_size=4, max_waiting=8, max_waiting_tokens=4096, loras=None, keys=None
        ):
            registry, worker = CollectorRegistry(), DeviceWorker()
            limits = Limits(max_batch_size, 1024, 256)
            assembler = Assembler(
                worker, limits, max_waiting, max_waiting_tokens, TextMetrics(registry), None, loras=loras
            )
            options = LoadOptions(torch.float32, torch.device("cpu"), "test")
            loaded = [
                assembler.assemble(load_checkpoint(name, str(checkpoints[name]), options)) for name in names
            ]
            server = GrpcServer(ServiceSettings(), registry=registry, keys=keys)
            engine = Engine(ModelRegistry(loaded), Idempotency(60.0))
            text_pb2_grpc.add_TextServiceServicer_to_server(TextServicer(engine), server.grpc)
            adapters_pb2_grpc.add_AdapterServiceServicer_to_server(AdapterServicer(engine), server.grpc)
            worker.start()
            stack.callback(worker.stop)
            address = await stack.enter_async_context(running(server, services=[SERVICE, ADAPTER_SERVICE]))
            client = await stack.enter_async_context(AsyncClient(address, timeout=60, max_retries=0))
            return Served(client, address, worker, registry, engine)

        yield start
