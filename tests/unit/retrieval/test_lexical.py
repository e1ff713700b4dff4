import sqlite3

from hypothesis import example, given
from hypothesis import strategies as st
from retrieval.lexical import MAX_TERMS, any_of, terms
from retrieval.store.sqlite import words


def test_words_are_split_and_quoted() -> None:
    assert any_of(terms("Don't PANIC, don't!")) == '"Don" OR "t" OR "PANIC"'
    assert any_of(terms("...")) == ""


def test_operators_are_words_like_others() -> None:
    assert terms('NEAR(a b) AND "c" OR text:d*') == ["NEAR", "a", "b", "AND", "c", "OR", "text", "d"]


def test_a_flood_of_words_is_cut() -> None:
    assert len(terms(" ".join(f"w{i}" for i in range(2000)))) == MAX_TERMS


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
@example('"; DROP TABLE chunks; --')
@example('a" OR rowid:1 NOT "')
@example("0\U0001f900")  # a symbol to Python, a letter to SQLite
@example("0\u13a0")  # its small letter is another to SQLite
@example(" ".join(f"w{i}" for i in range(2000)))
@example("́́ ́")
def test_fts5_takes_whatever_a_user_types(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, collection INTEGER, text TEXT)")
    words.create(connection, 1)
    connection.execute("INSERT INTO chunks VALUES (7, 1, ?)", (text,))
    words.add(connection, 1, [(7, text)])
    expression = any_of(terms(text))
    if expression:
        found = connection.execute(
            "SELECT rowid FROM words_1 WHERE words_1 MATCH ?", (expression,)
        ).fetchall()
        assert found in ([(7,)], [])  # a text of lone marks has no words for FTS5
        if any(char.isascii() and char.isalnum() for char in text):
            assert found == [(7,)]
    connection.close()
