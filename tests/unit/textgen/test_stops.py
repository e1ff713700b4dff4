from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.stops import StopMatcher


def shown(stops: tuple[str, ...], pieces: list[str]) -> tuple[str, str | None]:
    matcher = StopMatcher(stops)
    text = "".join(matcher.push(piece) for piece in pieces)
    return text + matcher.flush(), matcher.matched


def test_a_stop_across_pieces_is_found_and_left_out() -> None:
    assert shown(("END",), ["one E", "N", "D two"]) == ("one ", "END")


def test_what_may_begin_a_stop_is_withheld_until_it_does_not() -> None:
    matcher = StopMatcher(("abc",))
    assert matcher.push("xab") == "x"
    assert matcher.push("d") == "abd"
    assert matcher.push("a") == ""
    assert matcher.flush() == "a"


def test_the_earliest_stop_wins_and_of_several_there_the_longest() -> None:
    assert shown(("b", "ab"), ["xxab"]) == ("xx", "ab")
    assert shown(("a", "ab"), ["xxab"]) == ("xx", "ab")


def test_nothing_is_shown_after_a_match() -> None:
    matcher = StopMatcher(("x",))
    assert matcher.push("axb") == "a"
    assert (matcher.push("more"), matcher.flush()) == ("", "")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3).map(tuple),
    st.lists(st.text("abc", max_size=4), max_size=8),
)
def test_every_split_shows_what_stands_before_the_first_stop(stops, pieces) -> None:
    # A stop may complete before a longer one that began earlier: then the text ends where it began, no later.
    whole = "".join(pieces)
    text, matched = shown(stops, pieces)
    assert whole.startswith(text)
    assert (matched is None) == (not any(stop in whole for stop in stops))
    if matched is None:
        assert text == whole
    else:
        assert whole[len(text) :].startswith(matched)
        assert not any(stop in text for stop in stops)
