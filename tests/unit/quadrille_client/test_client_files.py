import subprocess
import sys
from pathlib import Path

import pytest
from quadrille_client import health
from quadrille_client.files import folder_names, walk

ROOT = Path(__file__).resolve().parents[3]


def test_folders_are_walked_in_order_and_hidden_or_unknown_files_left_out(tmp_path):
    docs = tmp_path / "docs"
    for name in ("b.md", "a.txt", "sub/c.html", ".hidden/d.md", "e.bin"):
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text("x")
    assert [name for name, _ in walk([docs])] == ["docs/a.txt", "docs/b.md", "docs/sub/c.html"]
    assert [name for name, _ in walk([docs / "e.bin"])] == ["e.bin"]


def test_a_folder_is_known_by_its_name_wherever_one_stands(tmp_path, monkeypatch):
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "data.jsonl").write_text("1")
    for place, folder in (("docs", "."), ("docs/sub", "..")):
        monkeypatch.chdir(tmp_path / place)
        assert [name for name, _ in walk([folder])] == ["docs/data.jsonl"]
        assert folder_names([folder]) == ("docs",)


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "denied", path)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(PermissionError):
        list(walk([tmp_path]))


def test_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(walk([tmp_path / "none"]))


def test_two_files_never_share_an_id(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.md").touch()
    with pytest.raises(ValueError, match=r"both have the id x\.md"):
        list(walk([tmp_path / "a" / "x.md", tmp_path / "b" / "x.md"]))
    assert len(list(walk([tmp_path / "a", tmp_path / "b"]))) == 2


def test_health_messages():
    from grpc_health.v1 import health_pb2

    name = "quadrille.text.v1.TextService"
    assert health.request(name) == health_pb2.HealthCheckRequest(service=name).SerializeToString()
    assert health.request("") == b""
    for status, serving in ((1, True), (2, False), (0, False)):
        assert health.is_serving(health_pb2.HealthCheckResponse(status=status).SerializeToString()) is serving


def test_the_synchronous_client_is_current():
    command = [sys.executable, "scripts/sync_client.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
