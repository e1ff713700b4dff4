from gateway.rag.measures import CHARACTERS, Tokens

WORDS = "eins zwei größe"
TOKENS = Tokens(WORDS, (4, 9, 12, 17))  # eins| zwei| gr|öße, in bytes


def test_characters_step_at_least_one_on():
    assert [CHARACTERS.after(3, count) for count in (0, 1, 5)] == [4, 4, 8]
    assert [CHARACTERS.before(9, count) for count in (0, 5)] == [9, 4]


def test_tokens_end_where_the_last_of_them_does():
    assert [TOKENS.after(0, count) for count in (0, 1, 2, 3, 4, 5)] == [4, 4, 9, 12, 15, 15]
    assert TOKENS.after(2, 2) == 9, "the rest of a token is one"
    assert TOKENS.after(15, 1) == 15


def test_tokens_begin_where_the_one_before_them_ends():
    assert [TOKENS.before(12, count) for count in (0, 1, 2, 3, 4)] == [12, 9, 4, 0, 0]
    assert TOKENS.before(11, 0) == 11, "none is none, within a token, too"
