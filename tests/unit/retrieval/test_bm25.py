"""Against FTS5 itself, asked for all that has any of the words."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval import bm25
from retrieval.bm25 import Matches
from retrieval.lexical import any_of
from retrieval.store.sqlite import words

WORDS = [*"abcdefgh", "runs", "running"]


def texts(seed: int, count: int) -> list[str]:
    """Short and long ones, whose words are as often as their places in a list of their own tell."""
    source = random.Random(seed)
    ordered = source.sample(WORDS, len(WORDS))
    often = [source.uniform(0.5, 1.5) / (place + 1) ** 1.5 for place in range(len(WORDS))]
    lengths = [source.choice((1, 2, 3, 5, 30)) for _ in range(count)]
    return [" ".join(source.choices([*ordered, "x"], [*often, 2.0], k=length)) for length in lengths]


class Corpus:
    """Chunks numbered from 1, of which some may be found."""

    def __init__(self, texts: Sequence[str], allowed: Callable[[int], bool] = lambda number: True) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.create_function("allowed", 1, allowed)
        self.connection.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, collection INTEGER, text TEXT)")
        words.create(self.connection, 1)
        rows = list(enumerate(texts, 1))
        self.connection.executemany("INSERT INTO chunks VALUES (?, 1, ?)", rows)
        words.add(self.connection, 1, rows)
        self.total = len(rows)
        self.asked: list[str] = []

    def search(self, expression: str, limit: int) -> Matches:
        self.asked.append(expression)
        query = "SELECT rowid, -rank FROM words_1 WHERE words_1 MATCH ? AND allowed(rowid) ORDER BY rank, rowid LIMIT ?"
        return self.connection.execute(query, (expression, limit)).fetchall()

    def count(self, word: str) -> int:
        query = "SELECT count(*) FROM words_1 WHERE words_1 MATCH ?"
        return int(self.connection.execute(query, (any_of([word]),)).fetchone()[0])

    def best(self, asked: Sequence[str], limit: int, less: int = 0) -> Matches:
        counts = {word: self.count(word) for word in asked}
        fewer = {word: max(min(1, count), count - less) for word, count in counts.items()}
        return bm25.best(fewer, self.total, limit, self.search)


@pytest.fixture
def corpus() -> Iterator[Callable[..., Corpus]]:
    made: list[Corpus] = []

    def make(texts: Sequence[str]) -> Corpus:
        made.append(Corpus(texts))
        return made[-1]

    yield make
    for each in made:
        each.connection.close()


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 150),
    asked=st.lists(st.sampled_from([*WORDS, "none"]), unique=True, max_size=7),
    limit=st.integers(1, 12),
    hidden=st.integers(1, 4),
    less=st.integers(0, 1),
)
def test_the_best_are_those_of_a_search_for_any_of_the_words(
    seed: int, count: int, asked: list[str], limit: int, hidden: int, less: int
) -> None:
    corpus = Corpus(texts(seed, count), lambda number: number % hidden == 0)
    counts = {word: max(min(1, corpus.count(word)), corpus.count(word) - less) for word in asked}
    ordered = sorted(filter(counts.__getitem__, asked), key=lambda word: (counts[word], word))
    telling = [word for word in ordered if 2 * counts[word] <= corpus.total]
    expected = corpus.search(any_of(telling), 999) if telling else []
    told = {number for number, _ in expected}
    rest = corpus.search(any_of(common), 999) if (common := ordered[len(telling) :]) else []
    expected += [match for match in rest if match[0] not in told]
    assert corpus.best(asked, limit, less) == expected[:limit]
    corpus.connection.close()


def test_common_words_are_not_looked_for_alone(corpus: Callable[..., Corpus]) -> None:
    made = corpus([f"often {'rare' if number % 20 == 0 else 'other'}" for number in range(400)] + ["x"] * 600)
    assert [number for number, _ in made.best(["often", "rare"], 10)] == list(range(1, 200, 20))
    assert made.asked == ['("rare") AND ("often")', '("rare") NOT ("often")']


def test_words_that_might_outweigh_what_was_found_are_looked_for_too(corpus: Callable[..., Corpus]) -> None:
    texts = ["one" + " filler" * 60] * 10 + ["two two two three three"] * 11 + ["x"] * 600
    made = corpus(texts)
    assert [number for number, _ in made.best(["one", "two", "three"], 10)] == list(range(11, 21))
    assert made.asked[0] == '("one") AND ("three" OR "two")'
    assert made.asked[-1] == '"one" OR "three" OR "two"'


def test_words_of_more_than_half_fill_up(corpus: Callable[..., Corpus]) -> None:
    made = corpus(["the cat", "the dog", "the the", "a bird"])
    found = made.best(["the", "cat"], 10)
    assert [number for number, _ in found][:2] == [1, 3]
    assert {number for number, _ in found} == {1, 2, 3}
    assert found[0][1] > 0.5 > 1e-3 > found[1][1] > 0
    assert [number for number, _ in made.best(["the"], 10)] == [3, 1, 2]


def test_words_that_nothing_has_find_nothing(corpus: Callable[..., Corpus]) -> None:
    made = corpus(["the cat"])
    assert made.best(["dog"], 10) == made.best([], 10) == []
    assert made.asked == []


# What 400 of 1000 chunks have adds at most ln(600.5 / 400.5) times 2.2 to a score.
@pytest.mark.parametrize(("worst", "asks_again"), [(0.8912, False), (0.8910, True)])
def test_a_word_is_left_out_when_the_most_that_it_adds_changes_nothing(
    worst: float, asks_again: bool
) -> None:
    asked: list[str] = []

    def search(expression: str, limit: int) -> Matches:
        asked.append(expression)
        return [(number, worst) for number in range(limit)]

    bm25.best({"often": 400, "rare": 20}, 1000, 10, search)
    assert ('"rare" OR "often"' in asked) == asks_again
