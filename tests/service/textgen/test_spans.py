"""Spans of the service, as an exporter gets them."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from quadrille_client import InvalidArgumentError


@pytest.fixture
def exported(monkeypatch):
    """The attributes of the last call's span that follow the conventions, and of its outcome."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("serving.server.make_tracer_provider", lambda *_: provider)

    def last():
        attributes = exporter.get_finished_spans()[-1].attributes
        exporter.clear()
        return {name: value for name, value in attributes.items() if not name.startswith("rpc.")}

    return last


async def test_a_generation_tells_its_model_its_rules_and_its_tokens(serve, exported):
    served = await serve("llama")
    rules = {
        "temperature": 0.5,
        "top_p": 0.25,
        "top_k": 9,
        "max_tokens": 3,
        "seed": 7,
        "n": 2,
        "stop": ["qq"],
    }
    answer = await served.client.generate("the cat", model="llama", ignore_eos=True, **rules)
    found = exported()
    assert found.pop("gen_ai.response.time_to_first_chunk") > 0
    assert found == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "quadrille",
        "gen_ai.request.model": "llama",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.25,
        "gen_ai.request.top_k": 9,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.presence_penalty": 0.0,
        "gen_ai.request.max_tokens": 3,
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ("qq",),
        "gen_ai.response.id": answer.started.request_id,
        "gen_ai.response.model": "llama",
        "gen_ai.response.finish_reasons": ("length", "length"),
        "gen_ai.usage.input_tokens": answer.started.prompt_tokens,
        "gen_ai.usage.output_tokens": 6,
    }


async def test_a_chat_on_the_default_model_says_who_answered(serve, exported):
    served = await serve("llama")
    answer = await served.client.chat("the cat", max_tokens=2)
    found = exported()
    assert (found["gen_ai.operation.name"], found["gen_ai.response.model"]) == ("chat", "llama")
    assert found["gen_ai.usage.input_tokens"] == answer.started.prompt_tokens
    assert not {"gen_ai.request.model", "gen_ai.request.seed", "error.type"} & set(found)


async def test_vectors_tell_their_width(serve, exported):
    served = await serve("embedder")
    await served.client.embed(["the cat", "dog"], dimensions=5)
    found = exported()
    assert found.pop("gen_ai.usage.input_tokens") > 2
    assert found == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "quadrille",
        "gen_ai.response.model": "embedder",
        "gen_ai.embeddings.dimension.count": 5,
    }


async def test_what_is_refused_says_why(serve, exported):
    served = await serve("llama")
    with pytest.raises(InvalidArgumentError):
        await served.client.generate("the cat", temperature=99)
    found = exported()
    assert found["error.type"] == "INVALID_INPUT"
    assert found["gen_ai.request.temperature"] == 99
    assert "gen_ai.response.id" not in found
