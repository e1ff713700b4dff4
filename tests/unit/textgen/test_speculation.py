from hypothesis import given
from hypothesis import strategies as st
from textgen.speculation import MAX_DRAFTS, NGRAM, PromptLookup


def test_what_followed_before_is_guessed_again() -> None:
    assert PromptLookup().drafts([1, 2, 3, 4, 5, 6, 1, 2, 3]) == [4, 5, 6, 1, 2, 3]
    assert PromptLookup().drafts([1, 2, 3, 4, 5, 6, 1, 2, 3], most=2) == [4, 5]
    assert PromptLookup().drafts([1, 2, 3, 4, 5]) == []


def test_the_latest_occurrence_counts() -> None:
    assert PromptLookup().drafts([1, 2, 3, 7, 1, 2, 3, 8, 9, 1, 2, 3], most=1) == [8]


def test_wrong_guesses_are_followed_by_longer_and_longer_rests() -> None:
    lookup, tokens, rests = PromptLookup(), [5] * 20, []
    for _ in range(4):
        lookup.heard(kept=0)
        rest = 0
        while not lookup.drafts(tokens):
            rest += 1
        rests.append(rest)
    assert rests == [1, 3, 7, 15]
    lookup.heard(kept=1)
    assert lookup.drafts(tokens)


@given(tokens=st.lists(st.integers(0, 3), max_size=40), step=st.integers(1, 5))
def test_reading_as_it_grows_finds_what_a_search_finds(tokens, step) -> None:
    lookup, drafts = PromptLookup(), []
    for end in [*range(0, len(tokens), step), len(tokens)]:
        drafts = lookup.drafts(tokens[:end])
    wanted: list[int] = []
    if len(tokens) > NGRAM:
        for end in range(len(tokens) - 1, NGRAM - 1, -1):
            if tokens[end - NGRAM : end] == tokens[-NGRAM:]:
                wanted = tokens[end : end + MAX_DRAFTS]
                break
    assert drafts == wanted
