import pytest
from gateway.rag.sentences import passage_sentences
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is here. Two is there.", ["One is here.", "Two is there."]),
        (
            "A sentence that goes on for more than a line of some forty\ncharacters. Next.",
            ["A sentence that goes on for more than a line of some forty\ncharacters.", "Next."],
        ),
        ("# Title\nText that follows.", ["# Title", "Text that follows."]),
        ("| a long row of a table in which there are words | b |\n| c | d |", None),
        ("An introduction that is long enough to be wrapped:\n- one\n- two", None),
        ("A first paragraph that is long enough to be wrapped\n\nand a second", None),
        ("短い文。次の文。", ["短い文。", "次の文。"]),
        ("e.g. this goes on", ["e.g. this goes on"]),
        ("  \n ", []),
    ],
)
def test_lines_may_be_wrapped(text, sentences):
    found = [text[start:end] for start, end in passage_sentences(text)]
    assert found == (text.replace("\n\n", "\n").split("\n") if sentences is None else sentences)


@given(st.text(alphabet="aB. \n#-|1。", max_size=60))
def test_sentences_are_all_of_a_text_but_white_space(text):
    spans = passage_sentences(text)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    assert spans == sorted(spans)
