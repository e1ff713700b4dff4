import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.gateway.litellm_proxy import PEER as PROXY
from benchmarks.retrieval.engines import STORES
from benchmarks.text.engines import EMBEDDERS, GENERATORS, ROOT, Absent, Peer, run, started, variables

LISTS = sorted((ROOT / "benchmarks/peers").glob("constraints-*.txt"))


def test_a_peer_without_its_environment_says_how_to_get_it():
    with pytest.raises(Absent, match="make bench-peers"):
        run(Peer("none", "own_engine", environment=".venv-bench-none"))


def test_a_peer_that_fails_is_absent_with_its_last_word():
    with pytest.raises(Absent, match="no_such_peer"):
        run(Peer("broken", "no_such_peer"))


def test_a_peer_that_says_nothing_is_absent():
    with pytest.raises(Absent, match="nothing"):
        run(Peer("silent", "protocol"))


def test_what_a_peer_leaves_running_is_ended_with_it():
    child = "import time; time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    with tempfile.TemporaryFile() as output, started(Peer("x", "x"), ("-c", parent), output) as process:
        assert process.wait() == 0
        assert running(process.pid)
    while running(process.pid):
        time.sleep(0.01)


def test_only_libraries_that_are_there_are_preloaded(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/one.so").touch()
    told = variables(
        Peer("x", "x", environment=str(tmp_path), variables={"A": "1"}, preloaded=("lib/*.so", "/none/*.so"))
    )
    assert told["A"] == "1" and told["LD_PRELOAD"] == str(tmp_path / "lib/one.so")
    assert "LD_PRELOAD" not in variables(Peer("x", "x", environment=str(tmp_path), preloaded=("none.so",)))


def test_every_peer_has_its_script_and_its_list_of_versions():
    for peer in (*GENERATORS, *EMBEDDERS, *STORES):
        assert (ROOT / "benchmarks/peers" / f"{peer.script}.py").exists()
    made = {peer.environment for peer in (*GENERATORS, *EMBEDDERS, *STORES, PROXY)} - {None, ".venv-vllm"}
    assert made == {path.stem.replace("constraints", ".venv-bench") for path in LISTS}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_versions_are_exact_and_torch_is_ours(path):
    ours = pins(ROOT / "constraints.txt")
    pinned = pins(path)
    assert pinned.get("torch", ours["torch"]) == ours["torch"]


def running(group: int) -> list[int]:
    """Processes of a group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, of_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                found.append(int(path.parent.name))
    return found


def pins(path: Path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name.lower(): version for name, version in (line.split("==") for line in lines)}
