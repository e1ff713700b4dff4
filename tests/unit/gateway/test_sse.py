from gateway.http.sse import Splitter, numbered
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), min_size=1, max_size=9)


@given(st.lists(TEXT, max_size=6), st.sampled_from(("\n", "\r\n", "\r")), st.data())
def test_events_are_the_same_however_they_are_cut(texts, newline, data):
    events = [f"data: {text}{newline}{newline}".encode() for text in texts]
    content, splitter, found = b"".join(events), Splitter(), []
    while content:
        size = data.draw(st.integers(1, len(content)))
        found += splitter.feed(content[:size])
        content = content[size:]
    assert found == events
    assert splitter.flush() == b""


def test_what_never_ends_is_left_over():
    splitter = Splitter()
    assert list(splitter.feed(b"data: a\n\ndata: b\n")) == [b"data: a\n\n"]
    assert splitter.flush() == b"data: b\n"
    assert splitter.flush() == b""


def test_comments_get_no_number():
    assert numbered(b": ping\n\n", 3) == b": ping\n\n"
    assert numbered(b"event: x\ndata: y\n\n", 3) == b"id: 3\nevent: x\ndata: y\n\n"
