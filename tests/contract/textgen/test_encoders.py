"""The ports Embedder, Reranker and MaskFiller: a row's answer is that of a plain forward pass of it alone."""

import numpy as np
import pytest
import torch
from textgen.models.encoder import TorchEmbedder, TorchMaskFiller, TorchReranker

ROWS = [(3, 4, 5), (6,), (7, 8, 9, 10, 11, 12, 13, 14), (15, 16)]


def states(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).last_hidden_state[0]


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_pooled_states(family, pooling, model_of):
    model = model_of(family)
    vectors = TorchEmbedder(model, pooling=pooling).embed(ROWS)
    assert (vectors.shape, vectors.dtype) == ((4, 32), np.float32)
    for ids, vector in zip(ROWS, vectors, strict=True):
        wanted = states(model, ids).mean(0) if pooling == "mean" else states(model, ids)[0]
        assert vector == pytest.approx(wanted.numpy(), abs=1e-5)


@pytest.mark.parametrize("family", ["one-label", "two-label", "one-type"])
def test_relevance_is_the_labels_probability(family, model_of):
    model = model_of(family)
    typed = family != "one-type"
    pairs = [(ids, [0] * (len(ids) - 1) + [1]) for ids in ROWS]
    scores = TorchReranker(model).rerank(pairs)
    for (ids, types), score in zip(pairs, scores, strict=True):
        more = {"token_type_ids": torch.tensor([types])} if typed else {}
        with torch.inference_mode():
            logits = model(torch.tensor([ids]), **more).logits[0]
        wanted = logits.softmax(-1)[1] if family == "two-label" else logits.sigmoid()[0]
        assert score == pytest.approx(float(wanted), abs=1e-5)
        assert 0 <= score <= 1


def test_types_of_a_pair_are_heard(model_of):
    one, other = TorchReranker(model_of("one-label")).rerank([((3, 4, 5), (0, 0, 0)), ((3, 4, 5), (0, 1, 1))])
    assert one != pytest.approx(other, abs=1e-6)


def test_masks_get_the_likeliest_tokens(model_of):
    model = model_of("masked")
    items = [((3, 2, 5), (1,), 4), ((2, 4, 2, 6, 7, 8), (0, 2), 2), ((2,), (0,), 1000)]
    answers = TorchMaskFiller(model).fill(items)
    assert [len(masks) for masks in answers] == [1, 2, 1]
    for (ids, places, count), masks in zip(items, answers, strict=True):
        with torch.inference_mode():
            probabilities = model(torch.tensor([ids])).logits[0].softmax(-1)
        for place, best in zip(places, masks, strict=True):
            top = probabilities[place].topk(min(count, 61))
            assert [token for token, _ in best] == top.indices.tolist()
            assert [value for _, value in best] == pytest.approx(top.values.tolist(), abs=1e-5)
    assert sum(value for _, value in answers[2][0]) == pytest.approx(1, abs=1e-4)
