import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from retrieval.index.segmented import SegmentedIndex

from .stack import SEAL_AT, SPEC, Stack


def sealed(stack: Stack) -> None:
    """Leave two segments, a delta, and tombstones in the first."""
    books = stack.make()
    stack.put(books, 1, 30)
    stack.settle()
    stack.put(books, 31, SEAL_AT)
    stack.settle()
    stack.put(books, 60, 2)
    stack.delete(books, range(2, 5))
    stack.settle()
    assert len(stack.files) == 4


def index_of(stack: Stack) -> SegmentedIndex:
    with stack.store.reading() as reader:
        return stack.index(reader.collection("t", SPEC.name))


def is_right(stack: Stack) -> bool:
    with stack.store.reading() as reader:
        collection = reader.collection("t", SPEC.name)
    return stack.verify(collection) == []


def test_a_start_reads_what_is_on_disk(reopen: Callable[[], Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(reopen())
    stack = reopen()
    before = stack.files
    index = index_of(stack)
    assert [(len(s.ids), s.live_count) for s in index.segments] == [(30, 27), (SEAL_AT, SEAL_AT)]
    assert index.delta_count == 2
    stack.settle()
    assert stack.files == before
    assert is_right(stack)
    assert stack.value("damaged_segments_total") == 0


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("suffix", [".ids", ".index"])
def test_a_damaged_segment_is_put_aside_and_built_again(
    reopen: Callable[[], Stack], damage: Callable[[Path], object], suffix: str
) -> None:
    stack = reopen()
    sealed(stack)
    token = index_of(stack).segments[0].record.token
    stack.close()
    damage(stack.directory / f"{token}{suffix}")
    stack = reopen()
    index = index_of(stack)
    assert len(index) == 37
    assert is_right(stack)
    assert stack.value("damaged_segments_total") == 1
    stack.settle()
    assert index.delta_count < SEAL_AT
    assert is_right(stack)
    assert token not in {name.split(".")[0] for name in stack.files}
    stack = reopen()
    assert stack.value("damaged_segments_total") == 0
    assert index_of(stack).delta_count < SEAL_AT


def test_a_checksum_that_was_forged_meets_the_other_checks(reopen: Callable[[], Stack]) -> None:
    stack = reopen()
    sealed(stack)
    first, second = (segment.record for segment in index_of(stack).segments)
    for part in ("ids", "index"):  # right in itself, and of other vectors
        content = (stack.directory / f"{second.token}.{part}").read_bytes()
        (stack.directory / f"{first.token}.{part}").write_bytes(content)
    both = [(stack.directory / f"{second.token}.{part}").read_bytes() for part in ("ids", "index")]
    sha256 = hashlib.sha256(b"".join(both)).hexdigest()
    stack.store._writer.alone(
        lambda connection: (
            connection.execute(
                "UPDATE segments SET sha256 = ?, size_bytes = ? WHERE token = ?",
                (sha256, sum(map(len, both)), first.token),
            ).rowcount
        )
    ).result(10)
    stack = reopen()
    assert stack.value("damaged_segments_total") == 1
    assert is_right(stack)


def test_another_kind_dimension_or_embedding_model_is_damage(reopen: Callable[[], Stack]) -> None:
    for column, value in (("kind", "ivf_pq"), ("dimension", 5), ("embedding_model", "other")):
        stack = reopen()
        if column == "kind":
            sealed(stack)
        stack.settle()
        stack.store._writer.alone(
            lambda connection, column=column, value=value: (
                connection.execute(  # type: ignore[misc]
                    f"UPDATE segments SET {column} = ?", (value,)
                ).rowcount
            )
        ).result(10)
        stack = reopen()
        assert stack.value("damaged_segments_total") >= 1
        assert is_right(stack)


def test_files_of_no_manifest_are_swept(reopen: Callable[[], Stack]) -> None:
    stack = reopen()
    sealed(stack)
    before = stack.files
    for name in ("a.ids", "a.index", "b.index.partial"):
        (stack.directory / name).write_bytes(b"x")
    assert reopen().files == before


def test_verify_tells_of_damaged_files_and_repair_mends_them(stack: Stack) -> None:
    books = stack.make()
    stack.put(books, 1, 20)
    stack.settle()
    flip(stack.directory / stack.files[1])
    assert stack.verify(books) == ["SEGMENT_DAMAGED"]
    stack.rebuild(books)
    assert stack.verify(books) == []
    stack.settle()
    assert stack.verify(books) == []
    assert len(stack.files) == 2


def test_quarantine_does_not_fill_the_disk(reopen: Callable[[], Stack]) -> None:
    stack = reopen()
    sealed(stack)
    for _ in range(6):
        stack.settle()
        stack.close()
        for name in stack.files:
            flip(stack.directory / name)
        stack = reopen()
        assert is_right(stack)
    assert 0 < len(list((stack.directory / "quarantine").iterdir())) <= 8
