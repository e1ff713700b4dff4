import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.detokenizer import Detokenizer
from textgen.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def vocabulary(bpe):
    return Vocabulary(bpe)


def pushed(vocabulary, ids, **options):
    detokenizer = Detokenizer(vocabulary, **options)
    return [detokenizer.push(token_id) for token_id in ids], detokenizer.flush()


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=20))
def test_a_whole_text_comes_back_without_a_broken_character(bpe, vocabulary, text) -> None:
    pieces, rest = pushed(vocabulary, bpe.encode(text, add_special_tokens=False).ids)
    if not any(special in text for special in vocabulary.specials):
        assert "".join(pieces) == text
        assert rest == ""
        assert all("\ufffd" not in piece for piece in pieces if "\ufffd" not in text)


@settings(max_examples=150, deadline=None)
@given(ids=st.lists(st.integers(4, 299), max_size=40))
def test_any_tokens_come_out_as_their_bytes_decode(vocabulary, ids) -> None:
    pieces, rest = pushed(vocabulary, ids)
    data = b"".join(map(vocabulary.bytes_of, ids))
    assert "".join(pieces) + rest == data.decode("utf-8", "replace")


def test_a_character_of_several_tokens_comes_whole(bpe, vocabulary) -> None:
    ids = bpe.encode("漢").ids
    assert len(ids) == 3
    assert pushed(vocabulary, ids) == (["", "", "漢"], "")


def test_an_incomplete_character_shows_only_at_the_end_a_broken_one_at_once(bpe, vocabulary) -> None:
    first, *_ = bpe.encode("漢").ids
    (letter,) = bpe.encode("x").ids
    assert pushed(vocabulary, [first]) == ([""], "\ufffd")
    assert pushed(vocabulary, [first, letter]) == (["", "\ufffdx"], "")


def test_special_tokens_are_no_text(bpe, vocabulary) -> None:
    (letter,) = bpe.encode("x").ids
    assert pushed(vocabulary, [0, letter, 0]) == (["", "x", ""], "")


def test_only_a_text_of_its_own_loses_its_leading_space(sentencepiece) -> None:
    vocabulary = Vocabulary(sentencepiece)
    ids = sentencepiece.encode("to to", add_special_tokens=False).ids
    continued, _ = pushed(vocabulary, ids)
    begun, _ = pushed(vocabulary, ids, starts_text=True)
    assert ("".join(continued), "".join(begun)) == (" to to", "to to")


def test_special_tokens_that_are_shown_are_text(codec) -> None:
    user, end = codec.vocabulary.specials["<|user|>"].token_id, codec.vocabulary.specials["<|end|>"].token_id
    detokenizer = Detokenizer(codec.vocabulary, shown=frozenset({user}))
    assert [detokenizer.push(token_id) for token_id in (user, end)] == ["<|user|>", ""]
