"""The text service on vLLM, over gRPC; the last test takes its engine away."""

import re
import urllib.request

import grpc
import psutil
import pytest
import torch
import transformers
from quadrille_client import Client, InvalidArgumentError, UnavailableError

pytestmark = pytest.mark.timeout(600)
STARTER = "starter/text/model"


@pytest.fixture
def client(service):
    with Client(service.address, timeout=120, max_retries=0) as made:
        yield made


def test_models_say_which_engine_runs_them_and_why(client):
    starter, minilm = client.model("starter"), client.model("minilm")
    assert (starter.engine, starter.engine_reason, starter.device) == ("vllm", "configured", "cpu")
    assert set(starter.capabilities) == {"generate", "chat", "score", "tokenize"}
    assert starter.context_length == 512
    assert (minilm.engine, minilm.engine_reason.partition(";")[0]) == ("torch", "vLLM is given decoders only")
    assert set(minilm.capabilities) == {"embed", "tokenize"}


def test_greedy_equals_transformers(client):
    answer = client.generate("Quadrille is", temperature=0, max_tokens=24)
    tokenizer = transformers.AutoTokenizer.from_pretrained(STARTER)
    ids = tokenizer("Quadrille is", return_tensors="pt").input_ids
    model = transformers.AutoModelForCausalLM.from_pretrained(STARTER, dtype="float32").eval()
    with torch.inference_mode():
        output = model.generate(ids, max_new_tokens=24, do_sample=False)
    # The decoder takes the first space for the spelling of a text; here it goes on from the prompt.
    assert answer.text.removeprefix(" ") == tokenizer.decode(
        output[0, ids.shape[1] :], skip_special_tokens=True
    )
    assert answer.started.model == "starter"
    assert answer.finished.usage.prompt_tokens == ids.shape[1]


def test_chat_scores_and_vectors(client):
    assert client.chat("What is Quadrille?", max_tokens=16, seed=1).text
    near, far = client.score([" documents", " zq xv"], prompt="The gateway answers from your")
    assert near.logprob > far.logprob
    assert len(client.embed("a cat").vectors[0]) == 384


def test_a_language_is_kept_and_a_bad_one_names_its_field(client):
    assert re.fullmatch("[0-9]{3}", client.generate("A number:", regex="[0-9]{3}", max_tokens=8).text)
    for options, field in (
        ({"regex": "("}, "sampling.structured_output.regex"),
        ({"temperature": 5}, "sampling.temperature"),
        ({"max_tokens": 600}, "sampling.max_tokens"),
    ):
        with pytest.raises(InvalidArgumentError, match=re.escape(field)):
            client.generate("x", **options)


def test_metrics_are_those_of_the_service(service, client):
    client.generate("The", max_tokens=3, ignore_eos=True)
    page = urllib.request.urlopen(service.metrics).read().decode()
    assert 'quadrille_text_requests_running{model="starter"} 0.0' in page
    assert re.search(r'quadrille_text_batch_size_count\{model="starter"\} [1-9]', page)
    assert "vllm:" not in page


def test_a_dead_engine_ends_calls_and_health(service, client):
    engines = [
        child
        for child in psutil.Process(service.process.pid).children(recursive=True)
        if "EngineCore" in child.name() or "EngineCore" in " ".join(child.cmdline())
    ]
    assert engines
    with client.stream_generate("The", max_tokens=450, ignore_eos=True) as stream:
        events = iter(stream)
        next(events), next(events)
        engines[0].kill()
        with pytest.raises(UnavailableError):
            for _ in events:
                pass
    assert service.becomes("NOT_SERVING", 60)
    with pytest.raises((UnavailableError, grpc.RpcError)):
        client.generate("The", max_tokens=3)
    assert client.embed("a cat").vectors  # torch goes on
