from pathlib import Path

import pytest

from benchmarks.text.engines import EMBEDDERS, GENERATORS, ROOT, Absent, Peer, run

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


def test_every_peer_has_its_script_and_its_list_of_versions():
    for peer in (*GENERATORS, *EMBEDDERS):
        assert (ROOT / "benchmarks/peers" / f"{peer.script}.py").exists()
    made = {peer.environment for peer in (*GENERATORS, *EMBEDDERS)} - {None, ".venv-vllm"}
    assert made == {path.stem.replace("constraints", ".venv-bench") for path in LISTS}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_versions_are_exact_and_torch_is_ours(path):
    ours = pins(ROOT / "constraints.txt")
    pinned = pins(path)
    assert pinned.get("torch", ours["torch"]) == ours["torch"]


def pins(path: Path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name.lower(): version for name, version in (line.split("==") for line in lines)}
