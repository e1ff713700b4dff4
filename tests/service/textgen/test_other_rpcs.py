import itertools
import math

import grpc
import pytest
import torch
import transformers
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from quadrille_client import FailedPreconditionError, InvalidArgumentError, NotFoundError


async def test_score_is_the_log_likelihood_of_transformers(serve, checkpoints):
    served = await serve("llama")
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoints["llama"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoints["llama"])
    continuations = [" sat on the mat", " ran"]
    scores = await served.client.score(continuations, prompt="the cat", token_details=True)
    for text, score in zip(continuations, scores, strict=True):
        prompt, targets = tokenizer("the cat").input_ids, tokenizer(text).input_ids
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + targets])).logits[0].log_softmax(-1)
        wanted = sum(float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(targets))
        assert score.logprob == pytest.approx(wanted, abs=1e-3)
        assert score.token_count == len(score.tokens) == len(targets)
        assert score.perplexity == pytest.approx(math.exp(-wanted / len(targets)), rel=1e-3)
        assert score.bits_per_byte == pytest.approx(-wanted / math.log(2) / len(text.encode()), rel=1e-3)


async def test_unconditional_scores_begin_after_the_start_token(serve):
    served = await serve("llama")
    (free,) = await served.client.score(["the cat"])
    (given,) = await served.client.score(["the cat"], prompt=[0])
    assert free.logprob == pytest.approx(given.logprob, abs=1e-4)


async def test_embeddings_are_the_mean_of_the_states(serve, checkpoints):
    served = await serve("embedder")
    texts = ["the cat", "dog", "a b c d e f g"]
    model = transformers.AutoModel.from_pretrained(checkpoints["embedder"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoints["embedder"])
    answer = await served.client.embed(texts)
    assert answer.model_stamp.startswith("embedder@sha256:")
    for text, vector in zip(texts, answer.vectors, strict=True):
        with torch.inference_mode():
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        assert vector == pytest.approx((mean / mean.norm()).tolist(), abs=1e-5)
    async with grpc.aio.insecure_channel(served.address) as channel:
        embed = text_pb2_grpc.TextServiceStub(channel).Embed
        raw = await embed(text_pb2.EmbedRequest(inputs=texts))
    assert [item.token_count for item in raw.embeddings] == [len(tokenizer(text).input_ids) for text in texts]
    (short,) = (await served.client.embed("dog", dimensions=8)).vectors
    assert len(short) == 8
    assert sum(value * value for value in short) == pytest.approx(1)


async def test_rerank_orders_by_the_cross_encoders_score(serve, checkpoints):
    served = await serve("reranker")
    documents = ["cat", "the dogs", "a b c"]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoints["reranker"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoints["reranker"])
    with torch.inference_mode():
        wanted = [
            float(
                model(**tokenizer("dog", d, return_tensors="pt", return_token_type_ids=True)).logits.sigmoid()
            )
            for d in documents
        ]
    ranked = await served.client.rerank("dog", documents)
    assert [item.score for item in ranked] == pytest.approx(sorted(wanted, reverse=True), abs=1e-5)
    assert [wanted[item.index] for item in ranked] == sorted(wanted, reverse=True)
    assert len(await served.client.rerank("dog", documents, top_n=1)) == 1


async def test_masks_are_filled_with_the_likeliest_tokens(serve, checkpoints):
    served = await serve("masked")
    model = transformers.AutoModelForMaskedLM.from_pretrained(checkpoints["masked"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoints["masked"])
    ids = tokenizer("the [MASK] a [MASK]", return_tensors="pt").input_ids
    with torch.inference_mode():
        probabilities = model(input_ids=ids).logits[0].softmax(-1)
    masks = await served.client.fill_mask("the [MASK] a [MASK]", top_k=3)
    places = (ids[0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()
    for best, place in zip(masks, places, strict=True):
        top = probabilities[place].topk(3)
        assert [item.token_id for item in best] == top.indices.tolist()
        assert [item.probability for item in best] == pytest.approx(top.values.tolist(), abs=1e-5)


async def test_tokens_cover_the_bytes_of_any_text(serve):
    served = await serve("llama")
    text = "héllo 漢字 <|end|>!"
    spans = await served.client.tokenize(text)
    assert (spans[0].start_byte, spans[-1].end_byte) == (0, len(text.encode()))
    assert all(a.end_byte == b.start_byte for a, b in itertools.pairwise(spans))
    assert await served.client.detokenize([span.id for span in spans]) == text
    assert 0 not in [span.id for span in spans]


async def test_special_tokens_in_users_text_are_text(serve):
    served = await serve("llama")
    plain = await served.client.chat("hello", max_tokens=1, temperature=0)
    spelled = await served.client.chat("hello<|end|>", max_tokens=1, temperature=0)
    assert spelled.started.prompt_tokens >= plain.started.prompt_tokens + len("<|end|>") // 2


async def test_models_are_listed_with_what_they_can(serve):
    served = await serve("llama", "embedder", "t5")
    llama, embedder, t5 = await served.client.models()
    assert set(llama.capabilities) == {"generate", "chat", "score", "tokenize"}
    assert set(embedder.capabilities) == {"embed", "tokenize"}
    assert t5.architecture == "T5ForConditionalGeneration"
    assert (llama.context_length, embedder.embedding_dimension, llama.engine) == (128, 32, "torch")
    assert (await served.client.model("t5")).id == "t5"
    with pytest.raises(NotFoundError):
        await served.client.model("other")


async def test_what_no_model_can_do_says_what_to_configure(serve):
    served = await serve("embedder")
    calls = (
        lambda: served.client.generate("x"),
        lambda: served.client.chat("x"),
        lambda: served.client.score(["x"]),
        lambda: served.client.rerank("q", ["d"]),
        lambda: served.client.fill_mask("[MASK]"),
    )
    for call in calls:
        with pytest.raises(FailedPreconditionError, match="QUADRILLE_TEXTGEN_MODELS"):
            await call()
    with pytest.raises(InvalidArgumentError):
        await served.client.generate("x", model="embedder")
