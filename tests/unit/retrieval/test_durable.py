"""That flushes are asked for, and when: a killed process leaves what it wrote, so no other test would miss them."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from retrieval.domain import CollectionSpec, Hnsw, IndexKind
from retrieval.durable import make_private_directory, make_private_file
from retrieval.index.files import SegmentFiles
from retrieval.index.kinds import FaissKind
from retrieval.store.sqlite.store import SqliteStore

Step = tuple[str, str]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What is flushed and renamed from now on, by name, in order."""
    noted: list[Step] = []
    fsync, rename = os.fsync, Path.rename

    def noting_fsync(descriptor: int) -> None:
        noted.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def noting_rename(path: Path, target: Path) -> Path:
        noted.append(("rename", path.name))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "rename", noting_rename)
    return noted


def test_a_segment_is_flushed_before_it_has_its_name_and_the_name_after_it(
    tmp_path: Path, steps: list[Step]
) -> None:
    spec = CollectionSpec("c", 2, index=IndexKind.HNSW, options=Hnsw(m=4))
    sealed = FaissKind(spec).build(np.eye(2, dtype=np.float32))
    files = SegmentFiles(tmp_path / "segments")
    token = files.write(1, spec, np.arange(2), sealed).token
    partials = [f"{token}.{part}.partial" for part in ("ids", "index")]
    assert steps == [
        *(("fsync", name) for name in partials),
        *(("rename", name) for name in partials),
        ("fsync", "segments"),
    ]


def test_a_snapshot_and_its_digest_are_flushed_before_it_has_its_name_and_the_name_after_it(
    store: SqliteStore, steps: list[Step]
) -> None:
    store.snapshot("s")
    renamed = steps.index(("rename", "s.partial"))
    before, after = steps[:renamed], steps[renamed + 1 :]
    assert {("fsync", "s.partial"), ("fsync", "s.sha256")} <= set(before)
    assert before[-2:] == [("fsync", "snapshots"), ("fsync", "s.sha256")]
    assert after == [("fsync", "snapshots")]


def test_what_is_there_is_made_private_and_kept(tmp_path: Path, steps: list[Step]) -> None:
    folder, file = tmp_path / "folder", tmp_path / "folder" / "file"
    folder.mkdir(mode=0o755)
    file.write_bytes(b"kept")
    file.chmod(0o644)
    make_private_directory(folder)
    make_private_file(file)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]
    assert file.read_bytes() == b"kept"
    assert steps == [("fsync", "folder")]
