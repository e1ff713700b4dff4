"""The ports Embedder, Reranker and MaskFiller over each EncoderNetwork: a row's answer is that of a plain forward
pass of it alone, in float32."""

import copy
import functools
import random

import numpy as np
import pytest
import torch
import transformers as t
from textgen.models.encoder import TorchEmbedder, TorchMaskFiller, TorchReranker
from textgen.models.native_encoder import NativeEncoder, unfit
from textgen.models.torch_encoder import TorchEncoder
from textgen.native.build import why_not

VOCABULARY = 61
# With hidden states of a width that is a multiple of 16 but not of 32, and more tokens than a group has.
SHAPE = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 80}
BERT = {**SHAPE, "vocab_size": VOCABULARY, "max_position_embeddings": 260, "pad_token_id": 0}
ROBERTA = {**BERT, "pad_token_id": 1, "type_vocab_size": 1}
DISTIL = {
    "dim": 48,
    "n_layers": 3,
    "n_heads": 3,
    "hidden_dim": 80,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 260,
}
BASES = {
    "bert": (t.BertModel, t.BertConfig, BERT),
    "roberta": (t.RobertaModel, t.RobertaConfig, ROBERTA),
    "xlm-roberta": (t.XLMRobertaModel, t.XLMRobertaConfig, ROBERTA),
    "distilbert": (t.DistilBertModel, t.DistilBertConfig, DISTIL),
}
CLASSIFIERS = {
    "one-label": (t.BertForSequenceClassification, t.BertConfig, {**BERT, "num_labels": 1}),
    "two-label": (t.BertForSequenceClassification, t.BertConfig, {**BERT, "num_labels": 2}),
    "one-type": (t.RobertaForSequenceClassification, t.RobertaConfig, {**ROBERTA, "num_labels": 1}),
    "no-types": (t.DistilBertForSequenceClassification, t.DistilBertConfig, {**DISTIL, "num_labels": 1}),
}
LANGUAGE = {
    "bert": (t.BertForMaskedLM, t.BertConfig, BERT),
    "roberta": (t.RobertaForMaskedLM, t.RobertaConfig, ROBERTA),
    "distilbert": (t.DistilBertForMaskedLM, t.DistilBertConfig, DISTIL),
}
KINDS = ("torch", "torch-bfloat16") + (() if why_not() else ("native",))
LENGTHS = (3, 1, 40, 2, 16, 17, 1, 250, 5, 100, 33, 8)
ROWS = [
    tuple(random.Random(place).choices(range(2, VOCABULARY), k=length))
    for place, length in enumerate(LENGTHS)
]
PAIRS = [(ids, [0] * (len(ids) // 2) + [1] * (len(ids) - len(ids) // 2)) for ids in ROWS]


@functools.cache
def made(kind, config, options):
    """In float32, with weights that bfloat16 can hold and that tell tokens apart."""
    torch.manual_seed(0)
    model = kind(config(**dict(options))).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return model.bfloat16().float()


def model_of(families, name):
    kind, config, options = families[name]
    return made(kind, config, tuple(options.items()))


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


def network_of(kind, model):
    mine = copy.deepcopy(model)
    if kind == "torch":
        return TorchEncoder(mine)
    if kind == "torch-bfloat16":
        return TorchEncoder(mine.bfloat16())
    assert unfit(mine.bfloat16()) is None
    return NativeEncoder(mine)


def near(kind, found, wanted):
    """To rounding in float32; in bfloat16 by their angle and length."""
    found, wanted = torch.as_tensor(found).float(), wanted.float()
    assert found.shape == wanted.shape
    if kind == "torch":
        assert torch.allclose(found, wanted, atol=1e-5)
    else:
        assert float(torch.cosine_similarity(found, wanted, -1).min()) > 0.999
        assert torch.allclose(found.norm(dim=-1), wanted.norm(dim=-1), rtol=0.02)


@torch.inference_mode()
def states(model, ids):
    return model(torch.tensor([ids])).last_hidden_state[0]


@pytest.mark.parametrize("family", BASES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_pooled_states(kind, family, pooling):
    model = model_of(BASES, family)
    vectors = TorchEmbedder(network_of(kind, model), pooling=pooling).embed(ROWS)
    assert (vectors.shape, vectors.dtype) == ((len(ROWS), 48), np.float32)
    plain = [states(model, ids) for ids in ROWS]
    near(kind, vectors, torch.stack([row.mean(0) if pooling == "mean" else row[0] for row in plain]))


@pytest.mark.parametrize("family", BASES)
def test_every_token_has_its_state(kind, family):
    model = model_of(BASES, family)
    for found, ids in zip(network_of(kind, model).states(ROWS), ROWS, strict=True):
        near(kind, found, states(model, ids))


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_relevance_is_the_labels_probability(kind, family):
    model = model_of(CLASSIFIERS, family)
    scores = TorchReranker(network_of(kind, model)).rerank(PAIRS)
    for (ids, types), score in zip(PAIRS, scores, strict=True):
        more = {"token_type_ids": torch.tensor([types])} if family in ("one-label", "two-label") else {}
        with torch.inference_mode():
            logits = model(torch.tensor([ids]), **more).logits[0]
        wanted = logits.softmax(-1)[1] if family == "two-label" else logits.sigmoid()[0]
        assert score == pytest.approx(float(wanted), abs=1e-5 if kind == "torch" else 0.02)
        assert 0 <= score <= 1


def test_types_of_a_pair_are_heard(kind):
    network = network_of(kind, model_of(CLASSIFIERS, "one-label"))
    one, other = TorchReranker(network).rerank([((3, 4, 5), (0, 0, 0)), ((3, 4, 5), (0, 1, 1))])
    assert one != pytest.approx(other, abs=1e-3)


@pytest.mark.parametrize("family", LANGUAGE)
def test_masks_get_the_likeliest_tokens(kind, family):
    model = model_of(LANGUAGE, family)
    items = [((3, 2, 5), (1,), 4), ((2, 4, 2, 6, 7, 8), (0, 2), 2), ((2,), (0,), 1000), (ROWS[7], (249,), 3)]
    answers = TorchMaskFiller(network_of(kind, model)).fill(items)
    assert [len(masks) for masks in answers] == [1, 2, 1, 1]
    for (ids, places, count), masks in zip(items, answers, strict=True):
        with torch.inference_mode():
            probabilities = model(torch.tensor([ids])).logits[0].softmax(-1)
        for place, best in zip(places, masks, strict=True):
            assert len(best) == min(count, VOCABULARY)
            top = probabilities[place].topk(len(best))
            tolerance = 1e-5 if kind == "torch" else 0.05 * float(top.values[0])
            assert [value for _, value in best] == pytest.approx(top.values.tolist(), abs=tolerance)
            for token, value in best:
                assert value == pytest.approx(float(probabilities[place][token]), abs=tolerance)
            if kind == "torch":
                assert [token for token, _ in best] == top.indices.tolist()
    assert sum(value for _, value in answers[2][0]) == pytest.approx(1, abs=1e-4)


def test_a_row_is_the_same_in_any_batch(kind):
    network = network_of(kind, model_of(BASES, "bert"))
    together = network.states([*ROWS, *ROWS[::-1]])
    for place, ids in enumerate(ROWS):
        (alone,) = network.states([ids])
        for found in (together[place], together[-1 - place]):
            if kind == "native":
                assert torch.equal(found, alone)  # to the bit
            else:
                near(kind, found, alone)


def test_what_is_in_no_table_is_an_error_and_harms_nothing(kind):
    model = model_of(BASES, "bert")
    network = network_of(kind, model)
    for wrong in ([3, VOCABULARY], [-1], [3] * 261):
        with pytest.raises((IndexError, RuntimeError)):
            network.states([ROWS[0], wrong])
    (found,) = network.states([ROWS[0]])
    near(kind, found, states(model, ROWS[0]))
