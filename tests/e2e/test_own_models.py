"""A stack with models of one's own: a tiny one of every family, asked through the gateway."""

import io

import pytest
import torch
import transformers as t
from imagegen.testing import save_tiny_pipeline, save_tiny_vae
from PIL import Image
from quadrille_cli.stack import Ports, local_stack
from quadrille_client import Client, InvalidArgumentError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

WORDS = [
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
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
BERT = {**SHAPE, "vocab_size": len(WORDS), "max_position_embeddings": 64, "pad_token_id": 0}
ENDS = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
LLAMA = {**SHAPE, **ENDS, "num_key_value_heads": 2, "max_position_embeddings": 64, "vocab_size": len(WORDS)}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "vocab_size": len(WORDS), **ENDS}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
FAMILIES = {
    "llama": (t.LlamaForCausalLM, t.LlamaConfig, LLAMA),
    "gpt2": (t.GPT2LMHeadModel, t.GPT2Config, GPT2),
    "sliding": (t.MistralForCausalLM, t.MistralConfig, {**LLAMA, "sliding_window": 4}),
    "experts": (
        t.MixtralForCausalLM,
        t.MixtralConfig,
        {**LLAMA, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "t5": (t.T5ForConditionalGeneration, t.T5Config, {**T5, **ENDS, "vocab_size": len(WORDS)}),
    "embedder": (t.BertModel, t.BertConfig, BERT),
    "masked": (t.BertForMaskedLM, t.BertConfig, BERT),
    "reranker": (t.BertForSequenceClassification, t.BertConfig, {**BERT, "num_labels": 1}),
}
DECODERS = ("llama", "gpt2", "sliding", "experts", "t5")


def tokenizer():
    made = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return t.PreTrainedTokenizerFast(tokenizer_object=made, **names, model_max_length=64)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A client of the gateway of such a stack."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, (kind, config, options) in FAMILIES.items():
        kind(config(**options)).save_pretrained(root / name)
        tokenizer().save_pretrained(root / name)
    images = {"pipeline": save_tiny_pipeline(root / "pipeline"), "vae": save_tiny_vae(root / "vae")}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QUADRILLE_TEXTGEN_MODELS", ",".join(f"{name}={root / name}" for name in FAMILIES))
        environment.setenv("QUADRILLE_IMAGEGEN_MODELS", ",".join(f"{n}={path}" for n, path in images.items()))
        with (
            local_stack(tmp_path_factory.mktemp("stack"), ports=Ports.free()) as stack,
            Client(stack.address, timeout=120, max_retries=0) as client,
        ):
            yield client


@pytest.fixture(scope="module")
def picture():
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "PNG")
    return buffer.getvalue()


def test_each_is_listed_with_what_it_can(own):
    can = {model.id: set(model.capabilities) for model in own.models()}
    assert set(can) == set(FAMILIES)
    assert all({"generate", "score"} <= can[name] for name in DECODERS)
    assert ("embed" in can["embedder"], "fill_mask" in can["masked"], "rerank" in can["reranker"]) == (
        True,
    ) * 3
    assert {model.id for model in own.images.models()} == {"pipeline", "vae"}


@pytest.mark.parametrize("model", DECODERS)
def test_decoders_and_encoder_decoders_generate_and_score(own, model):
    options = {"model": model, "max_tokens": 12, "ignore_eos": True}
    first, again = (own.generate("the cat", seed=4, **options) for _ in range(2))
    assert first.finished.usage.completion_tokens == 12
    assert first.text == again.text
    near, far = own.score(["dog", "dog dog dog"], prompt="the cat", model=model)
    assert 0 > near.logprob > far.logprob


def test_an_encoder_embeds(own):
    same, other = own.embed(["the cat", "dogs"], model="embedder").vectors
    assert len(same) == len(other) == 32
    assert own.embed(["the cat"]).model == "embedder"


def test_a_cross_encoder_reranks(own):
    ranked = own.rerank("cat", ["the dog", "cats", "a b c"])
    assert sorted(item.index for item in ranked) == [0, 1, 2]
    assert [item.score for item in ranked] == sorted((item.score for item in ranked), reverse=True)
    assert [item.index for item in own.rerank("cat", ["the dog", "cats"], top_n=1)] == [
        next(item.index for item in ranked if item.index < 2)
    ]


def test_a_masked_model_fills_masks(own):
    mask = own.model("masked").mask_token
    masks = own.fill_mask(f"the {mask} a {mask}", top_k=3)
    assert [len(candidates) for candidates in masks] == [3, 3]
    assert all(0 < item.probability < 1 for candidates in masks for item in candidates)


REFUSED = {
    "an empty query": (lambda c: c.rerank("", ["a"]), "query"),
    "no document": (lambda c: c.rerank("a", []), "documents"),
    "an empty document": (lambda c: c.rerank("a", ["b", ""]), "documents[1]"),
    "too many documents": (lambda c: c.rerank("a", ["b"] * 1025), "documents"),
    "more than there are": (lambda c: c.rerank("a", ["b"], top_n=10**9), "top_n"),
    "no mask": (lambda c: c.fill_mask("the cat"), "text"),
    "too many masks": (lambda c: c.fill_mask("[MASK] " * 65), "text"),
    "too many candidates": (lambda c: c.fill_mask("[MASK]", top_k=10**9), "top_k"),
    "too long a text": (lambda c: c.fill_mask("[MASK] " + "cat " * 99), "text"),
    "a model that cannot": (lambda c: c.fill_mask("[MASK]", model="gpt2"), "model"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_names_its_field(own, what):
    ask, field = REFUSED[what]
    with pytest.raises(InvalidArgumentError) as caught:
        ask(own)
    assert (caught.value.field, caught.value.reason) == (field, "INVALID_INPUT")


def test_a_pipeline_draws_and_an_autoencoder_encodes_decodes_and_scores(own, picture):
    (image,) = own.images.generate("a cat", steps=3, seed=1)
    assert (image.image.width, image.image.height) == (16, 16)
    for model in ("pipeline", "vae"):
        (latent,) = own.images.encode([picture], model=model)
        (decoded,) = own.images.decode([latent], model=model)
        assert decoded.width == 16
        (bound,) = own.images.score([picture], model=model)
        assert bound.elbo == pytest.approx(bound.reconstruction - bound.kl_divergence, rel=1e-6)
