from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.vocabulary import Vocabulary
from tokenizers import Tokenizer, decoders


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=30))
def test_byte_level_tokens_add_up_to_the_text(bpe, text) -> None:
    vocabulary = Vocabulary(bpe)
    assert b"".join(map(vocabulary.bytes_of, bpe.encode(text).ids)) == text.encode()


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=30))
def test_sentencepiece_tokens_add_up_to_the_text_after_its_dummy_space(sentencepiece, text) -> None:
    vocabulary = Vocabulary(sentencepiece)
    ids = sentencepiece.encode(text, add_special_tokens=False).ids
    # Special spellings are read as tokens by this tokenizer, and U+2581 is its own space.
    if text and "▁" not in text and not any(special in text for special in vocabulary.specials):
        assert b"".join(map(vocabulary.bytes_of, ids)) == b" " + text.encode()


def test_wordpiece_glues_continuations(wordpiece) -> None:
    vocabulary = Vocabulary(wordpiece)
    ids = wordpiece.encode("the cats", add_special_tokens=False).ids
    assert [vocabulary.text_of(token_id) for token_id in ids] == [" the", " cat", "s"]


def test_special_tokens_are_told_apart(bpe, wordpiece) -> None:
    assert Vocabulary(bpe).special_ids == {0, 1, 2, 3}
    specials = Vocabulary(wordpiece).specials
    assert (specials["[MASK]"].token_id, specials["[MASK]"].lstrip) == (4, True)
    assert not specials["[CLS]"].lstrip


def test_ids_beyond_the_tokenizer_have_no_text(bpe) -> None:
    vocabulary = Vocabulary(bpe)  # a model's embedding table is often padded past the tokenizer
    assert (vocabulary.bytes_of(10**6), vocabulary.spelling(10**6), vocabulary.text_of(10**6)) == (
        b"",
        "",
        "",
    )


def test_a_byte_that_is_no_character_shows_as_the_replacement(sentencepiece) -> None:
    vocabulary = Vocabulary(sentencepiece)
    euro = sentencepiece.token_to_id("<0xE2>")
    assert vocabulary.bytes_of(euro) == b"\xe2"
    assert vocabulary.text_of(euro) == "\ufffd"
    assert vocabulary.spelling(euro) == "<0xE2>"


def test_a_text_begins_after_a_control_token_where_spelling_puts_a_space_before_it(
    bpe, sentencepiece, wordpiece
) -> None:
    spaced = Vocabulary(sentencepiece)
    (word,) = sentencepiece.encode("t", add_special_tokens=False).ids
    assert spaced.begins_text((word, 1))
    assert not spaced.begins_text((1, word))
    assert not spaced.begins_text(())
    assert not Vocabulary(bpe).begins_text((0,))
    assert not Vocabulary(wordpiece).begins_text((2,))


def test_byte_level_tokenizers_may_spell_texts_with_a_space_too(bpe) -> None:
    spaced = Tokenizer.from_str(bpe.to_str())
    spaced.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    assert Vocabulary(spaced).begins_text((0,))
