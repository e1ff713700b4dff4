"""Every command with --json prints JSON lines on stdout and nothing else there; the demo runs through."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from quadrille_cli.app import app

PROGRAM = str(Path(sys.executable).with_name("quadrille"))
NOTES = "# Ports\n\nThe gateway listens on port 50050.\n"
ASKED = {"id": "1", "question": "Which port does the gateway listen on?", "answers": ["50050"]}
DOCUMENTS = ("--documents", "notes.md", "-c", "cli")

# The arguments of each command, and keys that its first and last line have.
CALLS = {
    "status": ([], "services", "services"),
    "models": ([], "capabilities", "capabilities"),
    "chat": (["hello", "--max-tokens", "4"], "prompt_tokens", "usage"),
    "ingest": (["notes.md", "-c", "cli"], "chunk_count", "stored_count"),
    "ask": (["Where does the gateway listen?", "-c", "cli", "--max-tokens", "4"], "passages", "groundedness"),
    "search": (["gateway port", "-c", "cli"], "hits", "hits"),
    "reembed": (["cli", "cli-anew"], "seen_count", "finished"),
    "delete": (["none.md", "-c", "cli"], "deleted_count", "deleted_count"),
    "image": (["a red circle", "--steps", "2", "--out", "drawn"], "queue_position", "timings"),
    "score": (["red.png", "--samples", "2"], "bits_per_dimension", "standard_error"),
    "keys": (["new", "ann"], "key", "key"),
    "eval": (["rag", "--dataset", "questions.jsonl", *DOCUMENTS], "exact_match", "figures"),
}
OWN_STACK = {"up", "demo"}  # tests/e2e/test_up.py, and below


def run(*arguments, cwd):
    return subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, cwd=cwd, timeout=170, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("cli")
    (made / "notes.md").write_text(NOTES)
    evidence = [{"document": "notes.md"}]
    (made / "questions.jsonl").write_text(json.dumps(ASKED | {"evidence": evidence}))
    Image.new("RGB", (64, 64), "red").save(made / "red.png")
    return made


def test_every_command_is_called():
    assert set(CALLS) | OWN_STACK == set(typer.main.get_command(app).commands)


@pytest.mark.parametrize("command", CALLS)
def test_json_lines_and_nothing_else(stack, folder, command):
    arguments, first, last = CALLS[command]
    if command in ("ask", "search", "reembed"):
        assert run("--address", stack.address, "ingest", "notes.md", "-c", "cli", cwd=folder).returncode == 0
    done = run("--address", stack.address, command, *arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert first in lines[0]
    assert last in lines[-1]


def test_a_failure_leaves_stdout_empty(stack, folder):
    done = run("--address", stack.address, "ask", "why?", "-c", "nowhere", "--json", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("NOT_FOUND: collection 'nowhere' does not exist [request ")


def test_the_demo_runs_through(tmp_path, root):
    done = run("demo", "--corpus", str(root), "--out", str(tmp_path), "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(steps) >= 8
    assert not [step for step in steps if step["problem"]]
    assert any(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.glob("*.png"))
