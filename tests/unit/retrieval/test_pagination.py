import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from retrieval.pagination import decode_token, encode_token
from serving.errors import InvalidInput

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, TEXT.filter(bool))
def test_round_trip(scope: str, last: str) -> None:
    assert decode_token(scope, encode_token(scope, last)) == last


def test_no_token_is_the_first_page() -> None:
    assert decode_token("scope", "") == ""


@given(TEXT, TEXT, TEXT)
def test_a_token_is_good_for_its_own_listing_only(scope: str, other: str, last: str) -> None:
    if scope != other:
        with pytest.raises(InvalidInput, match="page_token"):
            decode_token(other, encode_token(scope, last))


@given(st.text(min_size=1, max_size=60))
@example("A" * 5000)
@example("é")
@example("=")
def test_made_up_tokens_are_refused(token: str) -> None:
    with pytest.raises(InvalidInput, match="page_token"):
        decode_token("scope", token)
