from pathlib import Path

import numpy as np
import pytest
from retrieval.domain import Ids, SegmentRecord
from retrieval.index.files import DamagedSegmentError, SegmentFiles
from retrieval.index.kinds import FaissKind
from serving.errors import Unavailable

from .stack import DIMENSION, SPEC, small_graphs


@pytest.fixture
def files(tmp_path: Path) -> SegmentFiles:
    return SegmentFiles(tmp_path / "segments")


@pytest.fixture
def kind() -> FaissKind:
    found = small_graphs(SPEC)
    assert found is not None
    return found


def written(files: SegmentFiles, kind: FaissKind, ids: Ids, count: int = 3) -> SegmentRecord:
    vectors = np.random.default_rng(0).standard_normal((count, DIMENSION)).astype(np.float32)
    return files.write(1, SPEC, ids, kind.build(vectors))


def test_what_is_written_is_loaded(files: SegmentFiles, kind: FaissKind) -> None:
    ids = np.array([2, 5, 9], dtype=np.int64)
    segment = files.load(written(files, kind, ids), SPEC, kind)
    assert segment.ids.tolist() == [2, 5, 9]


@pytest.mark.parametrize(
    ("ids", "complaint"), [([2, 9, 5], "do not ascend"), ([2, 5], "2 ids and 3 vectors")]
)
def test_what_a_right_checksum_does_not_tell_is_checked(
    files: SegmentFiles, kind: FaissKind, ids: list[int], complaint: str
) -> None:
    record = written(files, kind, np.array(ids, dtype=np.int64))
    with pytest.raises(DamagedSegmentError, match=complaint):
        files.load(record, SPEC, kind)


def test_a_reader_that_fails_is_damage(files: SegmentFiles, kind: FaissKind, tmp_path: Path) -> None:
    record = written(files, kind, np.arange(3))

    class Failing(FaissKind):
        def read(self, path: Path) -> object:  # type: ignore[override]
            raise MemoryError("too large")

    with pytest.raises(DamagedSegmentError, match="too large"):
        files.load(record, SPEC, Failing(SPEC))


def test_what_does_not_answer_is_no_damage(files: SegmentFiles, kind: FaissKind) -> None:
    record = written(files, kind, np.arange(3))

    class Elsewhere(FaissKind):
        def read(self, path: Path) -> object:  # type: ignore[override]
            raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        files.load(record, SPEC, Elsewhere(SPEC))


def test_what_cannot_be_removed_is_left_to_the_next_sweep(
    files: SegmentFiles, kind: FaissKind, tmp_path: Path
) -> None:
    token = written(files, kind, np.arange(3)).token
    stubborn = tmp_path / "segments" / f"{token}.ids"
    stubborn.unlink()
    stubborn.mkdir()  # which `unlink` refuses
    files.remove([token])
    assert [path.name for path in (tmp_path / "segments").glob("*.*")] == [stubborn.name]
    stubborn.rmdir()
    stubborn.touch()
    files.sweep(())
    assert not stubborn.exists()


def test_what_cannot_be_put_aside_stays_where_it_is(
    files: SegmentFiles, kind: FaissKind, tmp_path: Path
) -> None:
    token = written(files, kind, np.arange(3)).token
    in_its_way = tmp_path / "segments" / "quarantine" / f"{token}.ids"
    in_its_way.mkdir()
    files.quarantine(token)
    assert (tmp_path / "segments" / f"{token}.ids").is_file()
    in_its_way.rmdir()
    files.quarantine(token)
    assert in_its_way.is_file()
    assert not list((tmp_path / "segments").glob(f"{token}.*"))
