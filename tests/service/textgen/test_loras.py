"""Adapters over gRPC: loaded, named in requests, unloaded, and refused with a reason."""

import asyncio
import json

import grpc
import pytest
import torch
import transformers
from google.rpc import error_details_pb2, status_pb2
from quadrille.text.v1 import adapters_pb2, adapters_pb2_grpc
from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1.text_pb2_grpc import TextServiceStub
from safetensors.torch import save_file
from serving.auth import KeyStore
from serving.keys import ApiKey, digest
from serving.loras import LoraOptions
from textgen.models.lora import linears_of

PROMPT = [7, 8, 9, 40, 41]


def write(folder, model, seed, *, rank=4, alpha=8, **changes):
    """An adapter as PEFT writes it, and the model with it merged."""
    torch.manual_seed(seed)
    tensors = {}
    for name, (inputs, outputs) in linears_of(model).items():
        down, up = torch.randn(rank, inputs) / inputs**0.5, torch.randn(outputs, rank)
        module = model.get_submodule(name)
        delta = (alpha / rank) * up @ down
        module.weight.data += (
            delta if module.weight.shape == delta.shape and not hasattr(module, "nf") else delta.t()
        )
        for side, matrix in (("A", down), ("B", up)):
            tensors[f"base_model.model.{name}.lora_{side}.weight"] = matrix
    folder.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": "all-linear", **changes}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "adapter_model.safetensors")
    return model


@pytest.fixture
def plain(checkpoints):
    return lambda name="llama": transformers.AutoModelForCausalLM.from_pretrained(checkpoints[name]).eval()


def said(model, count=12):
    with torch.inference_mode():
        output = model.generate(
            torch.tensor([PROMPT]), max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    return output[0].tolist()[len(PROMPT) :]


def options(directory, **changes):
    return LoraOptions(
        **{"directory": directory, "max_count": 2, "max_rank": 8, "max_bytes": 10**6, **changes}
    )


def reason(error):
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason


@pytest.fixture
async def stubs():
    channels = []

    def of(served):
        channels.append(grpc.aio.insecure_channel(served.address))
        return TextServiceStub(channels[-1]), adapters_pb2_grpc.AdapterServiceStub(channels[-1])

    yield of
    for channel in channels:
        await channel.close()


def request(lora="", count=12, model=""):
    return pb.GenerateRequest(
        model=model,
        prompt=pb.Prompt(token_ids=pb.TokenIds(ids=PROMPT)),
        sampling=pb.SamplingParameters(temperature=0, max_tokens=count, ignore_eos=True),
        lora=lora,
    )


async def tokens(text, lora="", count=12, model=""):
    return [
        token async for event in text.Generate(request(lora, count, model)) for token in event.delta.token_ids
    ]


def load(name, model=""):
    return adapters_pb2.LoadLoraRequest(name=name, model=model)


def unload(name, model=""):
    return adapters_pb2.UnloadLoraRequest(name=name, model=model)


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, reason(caught.value)


@pytest.mark.parametrize("family", ["llama", "gpt2", "mixtral"])
async def test_each_request_is_answered_with_its_own_adapter(serve, stubs, plain, tmp_path, family):
    expected = {"": said(plain(family))}
    for seed, name in enumerate(("one", "two")):
        expected[name] = said(write(tmp_path / name, plain(family), seed))
    assert len(set(map(tuple, expected.values()))) == 3
    text, admin = stubs(await serve(family, loras=options(tmp_path)))
    for name in ("one", "two"):
        answer = await admin.LoadLora(load(name))
        assert (answer.model, answer.name, answer.rank) == (family, name, 4)
        assert answer.size_bytes > 0
        assert len(answer.sha256) == 64
    asked = ["one", "", "two", "one", "", "two"]
    answers = await asyncio.gather(*(tokens(text, name) for name in asked))
    assert answers == [expected[name] for name in asked]
    listed = (await text.GetModel(pb.GetModelRequest(model=family))).model
    assert listed.loras == ["one", "two"]
    assert (await text.ListModels(pb.ListModelsRequest())).models == [listed]


async def test_a_name_has_the_weights_that_were_loaded_last(serve, stubs, plain, tmp_path):
    text, admin = stubs(await serve("llama", loras=options(tmp_path)))
    for seed in range(3):
        expected = said(write(tmp_path / "mine", plain(), seed))
        await admin.LoadLora(load("mine"))
        assert await refused(admin.LoadLora(load("mine"))) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
        assert await tokens(text, "mine") == expected
        await admin.UnloadLora(unload("mine"))
        assert await refused(tokens(text, "mine")) == ("NOT_FOUND", "NOT_FOUND")
        assert (await text.GetModel(pb.GetModelRequest(model="llama"))).model.loras == []
    assert await tokens(text) == said(plain())


async def test_who_was_accepted_ends_with_the_adapter_that_was_unloaded(serve, stubs, plain, tmp_path):
    expected = said(write(tmp_path / "mine", plain(), 1), 100)
    text, admin = stubs(await serve("llama", loras=options(tmp_path)))
    await admin.LoadLora(load("mine"))
    running = text.Generate(request("mine", 100))
    events = [await running.read() for _ in range(3)]
    await admin.UnloadLora(unload("mine"))
    write(tmp_path / "mine", plain(), 2)
    await admin.LoadLora(load("mine"))
    while (event := await running.read()) is not grpc.aio.EOF:
        events.append(event)
    assert [token for event in events for token in event.delta.token_ids] == expected


async def test_a_chat_has_an_adapter_too(serve, plain, tmp_path):
    write(tmp_path / "mine", plain(), 1)
    served = await serve("llama", loras=options(tmp_path))
    facts = await served.client.loras.load("mine")
    assert (facts.model, facts.name, facts.rank) == ("llama", "mine", 4)
    assert (await served.client.model("llama")).loras == ("mine",)
    ask = {"temperature": 0, "max_tokens": 8, "ignore_eos": True}
    texts = [(await served.client.chat("the cat", lora=lora, **ask)).text for lora in ("", "mine")]
    assert texts[0] != texts[1]
    texts = [(await served.client.generate(PROMPT, lora=lora, **ask)).text for lora in ("", "mine")]
    assert texts[0] != texts[1]
    await served.client.loras.unload("mine")
    assert (await served.client.model("llama")).loras == ()


async def test_what_cannot_be_loaded_is_refused_with_a_reason(serve, stubs, plain, tmp_path):
    folder = tmp_path / "loras"
    folder.mkdir()
    for name, changes in {
        "good": {},
        "dora": {"use_dora": True},
        "large": {"rank": 9},
        "third": {},
        "fourth": {},
    }.items():
        write(folder / name, plain(), 1, **changes)
    write(tmp_path / "outside", plain(), 1)
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "empty").mkdir()
    text, admin = stubs(await serve("llama", "t5", "embedder", loras=options(folder)))
    for name, code, why in (
        ("dora", "FAILED_PRECONDITION", "LORA_UNFIT"),
        ("empty", "FAILED_PRECONDITION", "LORA_UNFIT"),
        ("large", "FAILED_PRECONDITION", "LORA_LIMIT"),
        ("none", "NOT_FOUND", "NOT_FOUND"),
        ("link", "NOT_FOUND", "NOT_FOUND"),
        *(
            (name, "INVALID_ARGUMENT", "INVALID_INPUT")
            for name in ("", "..", "../outside", "a/b", "x" * 65, ".x")
        ),
    ):
        assert await refused(admin.LoadLora(load(name))) == (code, why)
    assert await refused(admin.LoadLora(load("good", "t5"))) == ("FAILED_PRECONDITION", "LORA_UNSUPPORTED")
    assert await refused(admin.LoadLora(load("good", "embedder"))) == ("INVALID_ARGUMENT", "INVALID_INPUT")
    assert await refused(admin.UnloadLora(unload("good"))) == ("NOT_FOUND", "NOT_FOUND")
    for name in ("good", "third"):
        await admin.LoadLora(load(name))
    assert await refused(admin.LoadLora(load("fourth"))) == ("FAILED_PRECONDITION", "LORA_LIMIT")
    assert await refused(tokens(text, "good", model="t5")) == ("INVALID_ARGUMENT", "INVALID_INPUT")
    assert await refused(tokens(text, "a/b")) == ("INVALID_ARGUMENT", "INVALID_INPUT")


async def test_memory_is_counted_with_what_requests_still_hold(serve, stubs, plain, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, plain(), 1)
    size = sum(4 * sum(sizes) * 4 for sizes in linears_of(plain()).values())
    text, admin = stubs(await serve("llama", loras=options(tmp_path, max_bytes=size)))
    assert (await admin.LoadLora(load("one"))).size_bytes == size
    running = text.Generate(request("one", 100))
    await running.read()
    await admin.UnloadLora(unload("one"))
    assert await refused(admin.LoadLora(load("two"))) == ("FAILED_PRECONDITION", "LORA_LIMIT")
    running.cancel()
    for _ in range(200):
        try:
            assert (await admin.LoadLora(load("two"))).size_bytes == size
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.02)
        else:
            return
    pytest.fail("the memory was never given back")


async def test_without_a_directory_nothing_is_loaded(serve, stubs):
    for loras in (None, options(None)):
        text, admin = stubs(await serve("llama", loras=loras))
        assert await refused(admin.LoadLora(load("x"))) == ("FAILED_PRECONDITION", "NOT_CONFIGURED")
        assert await refused(tokens(text, "x")) == ("NOT_FOUND", "NOT_FOUND")


async def test_loading_needs_the_scope_of_administrators(serve, stubs, plain, tmp_path):
    write(tmp_path / "mine", plain(), 1)
    keys = KeyStore(
        [
            ApiKey(name="user", sha256=digest("user")),
            ApiKey(name="admin", sha256=digest("admin"), scopes=frozenset({"admin"})),
        ]
    )
    _, admin = stubs(await serve("llama", loras=options(tmp_path), keys=keys))

    def call(key):
        return admin.LoadLora(load("mine"), metadata=(("authorization", f"Bearer {key}"),))

    assert await refused(call("user")) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert (await call("admin")).name == "mine"
