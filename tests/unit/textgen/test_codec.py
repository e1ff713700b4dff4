from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.codec import Part, TokenCodec


@pytest.fixture(scope="session")
def bert(wordpiece):
    return TokenCodec(wordpiece)


@pytest.fixture(scope="session")
def llama2(sentencepiece):
    return TokenCodec(sentencepiece)


def test_literal_special_tokens_are_text(codec) -> None:
    ids = codec.encode("a<|end|>b")
    assert 0 not in ids
    assert codec.decode(ids, skip_special=True) == "a<|end|>b"


def test_the_models_own_tokens_go_around_a_text(codec, bert, llama2) -> None:
    assert codec.special_count == 0
    assert bert.encode("the cat") == [2, *bert.encode("the cat", special=False), 3]
    assert llama2.encode("to")[0] == 0
    assert (bert.special_count, llama2.special_count) == (2, 1)


def test_settings_of_the_file_do_not_cut_or_pad(wordpiece) -> None:
    from tokenizers import Tokenizer

    cutting = Tokenizer.from_str(wordpiece.to_str())
    cutting.enable_truncation(4)
    cutting.enable_padding(length=16)
    assert len(TokenCodec(cutting).encode("the cat the cat the cat")) == 8


def test_special_tokens_count_in_trusted_text_alone(codec) -> None:
    parts = [Part("<|user|>", True), Part("hi <|end|>", False), Part("<|end|>", True)]
    ids = codec.encode_parts(parts)
    assert (ids[0], ids[-1], ids.count(0)) == (1, 0, 1)
    assert codec.decode(ids, skip_special=False) == "<|user|>hi <|end|><|end|>"


def test_a_special_token_put_together_from_two_parts_is_text(codec) -> None:
    ids = codec.encode_parts([Part("<|user|>", True), Part("<|e", False), Part("nd|> x", False)])
    assert 0 not in ids
    ids = codec.encode_parts([Part("<|e", False), Part("nd|>", True)])
    assert 0 not in ids


@settings(max_examples=60, deadline=None)
@given(contents=st.lists(st.text("the catsx<|>", max_size=12), min_size=1, max_size=3))
def test_harmless_parts_are_tokenized_as_the_whole(bpe, codec, contents) -> None:
    parts = [
        part
        for text in contents
        for part in (Part("<|user|>", True), Part(text, False), Part("<|end|>", True))
    ]
    whole = "".join(part.text for part in parts)
    assert codec.encode_parts(parts) == bpe.encode(whole, add_special_tokens=False).ids


def test_masks_are_tokens_and_other_specials_text(bert) -> None:
    ids, places = bert.encode_masked("the [MASK] cat [SEP] [MASK]", "[MASK]")
    assert [ids[place] for place in places] == [4, 4]
    assert len(places) == 2
    assert (ids[0], ids[-1], ids.count(3)) == (2, 3, 1)


def test_a_pair_cuts_its_second_text_alone(bert) -> None:
    ((ids, types),) = bert.encode_pairs("the cat", ["a b c d e f g"], 10)
    assert len(ids) == len(types) == 10
    assert ids[:4] == [2, *bert.encode("the cat", special=False), 3]
    assert types == [0] * 4 + [1] * 6
    assert bert.pair_room("the cat", 10) == 5
    assert bert.encode_pairs("the", ["a", "cat"], 100)[1][0] == [
        2,
        *bert.encode("the", special=False),
        3,
        27 + 4,
        3,
    ][:3] + bert.encode("cat", special=False) + [3]


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=20))
def test_spans_cover_the_text_byte_by_byte(codec, text) -> None:
    spans = codec.spans(text, special=True)
    data = text.encode()
    assert b"".join(data[span.start_byte : span.end_byte] for span in spans) == data
    for span in spans:
        assert data[span.start_byte : span.end_byte] == codec.vocabulary.bytes_of(span.token_id)


def test_spans_of_added_tokens_are_empty(bert, llama2) -> None:
    first, *inner, last = bert.spans("Thé cat", special=True)
    assert (first.text, first.start_byte, first.end_byte) == ("[CLS]", 0, 0)
    assert (last.text, last.start_byte, last.end_byte) == ("[SEP]", 8, 8)
    assert (inner[-1].start_byte, inner[-1].end_byte) == (5, 8)
    start, *rest = llama2.spans("to to", special=True)
    assert (start.start_byte, start.end_byte) == (0, 0)
    assert rest[0].start_byte == 0
    assert rest[-1].end_byte == 5
    assert all(a.end_byte == b.start_byte for a, b in pairwise(rest))


def test_decoding_can_keep_special_tokens(codec) -> None:
    ids = [1, *codec.encode("hi"), 0]
    assert codec.decode(ids, skip_special=True) == "hi"
    assert codec.decode(ids, skip_special=False) == "<|user|>hi<|end|>"


def test_many_texts_are_encoded_as_each_is(codec):
    texts = ["the cat sat", "", "<|end|> the dog", "漢字"]
    assert codec.encode_batch(texts) == [codec.encode(text, special=False) for text in texts]
