import re

from gateway.domain.text import EmbedResult, TextModel
from gateway.rag import embedding
from gateway.rag.embedding import Embedder


class Text:
    """Vectors of a text's length; words and single other characters as tokens."""

    def __init__(self):
        self.calls = []

    async def embed(self, request):
        self.calls.append(request.inputs)
        return EmbedResult(tuple((float(len(text)),) for text in request.inputs), "m", "m@1", 0)

    async def token_ends(self, model, text):
        self.calls.append(text)
        return [len(text[: match.end()].encode()) for match in re.finditer(r"\w+|\S", text)]


def embedder(text):
    return Embedder(text, TextModel("m", frozenset(), 256, 1, "m@1"))


async def test_what_is_known_or_asked_twice_is_embedded_once():
    text = Text()
    vectors = await embedder(text).embed(["a", "bb", "a", "ccc"], {"bb": (7.0,)})
    assert vectors == ((1.0,), (7.0,), (1.0,), (3.0,))
    assert text.calls == [("a", "ccc")]


async def test_a_long_text_is_tokenized_in_pieces_that_part_between_words(monkeypatch):
    monkeypatch.setattr(embedding, "TOKENIZED_CHARACTERS", 10)
    text, words = Text(), "größe zählt auch hier\nund ein-sehr-langes-wort ende"
    measure = await embedder(text).measure(words)
    assert "".join(text.calls) == words
    assert text.calls[0] == "größe "
    ends = [match.end() for match in re.finditer(r"\w+|\S", words)]
    assert [measure.after(0, count) for count in (1, 2, 5)] == [ends[0], ends[1], ends[4]]
