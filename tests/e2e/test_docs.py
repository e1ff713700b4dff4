"""What README and the client's README show, and the examples, run against a true stack."""

import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from quadrille_client import Client

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = sorted((ROOT / "clients/python/examples").glob("*.py"))
DEFAULT_ADDRESS, DEFAULT_HTTP = "127.0.0.1:50050", "127.0.0.1:8080"


def blocks(page, language):
    return [body for kind, body in FENCE.findall((ROOT / page).read_text()) if kind == language]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that looks like the repository, so that what a command writes stays out of it."""
    for name in ("README.md", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(stack, command):
    http = f"http://127.0.0.1:{stack.ports.http}"
    environment = {**os.environ, "QUADRILLE_ADDRESS": stack.address, "QUADRILLE_HTTP": http}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readmes_commands(stack, folder):
    (block,) = (body for body in blocks("README.md", "") if "quadrille ingest" in body)
    lines = [words for line in block.splitlines() if (words := shlex.split(line, comments=True))]
    assert lines[0] == ["make", "up"]  # that one is tests/e2e/test_up.py's
    program = str(Path(sys.executable).with_name("quadrille"))
    said = {words[1]: run(stack, [program, *words[1:]]) for words in lines[1:]}
    assert set(said) == {"ingest", "ask", "chat", "image", "status"}
    assert "in collection docs" in said["ingest"]
    assert "grounded" in said["ask"]
    assert "SERVING" in said["status"]
    assert (folder / "circle.png").read_bytes().startswith(b"\x89PNG")


SNIPPETS = [
    (page, number)
    for page in ("README.md", "clients/python/README.md", "docs/migrating.md")
    for number, _ in enumerate(blocks(page, "python"))
]


@pytest.mark.parametrize(("page", "number"), SNIPPETS)
def test_python_snippets(stack, client, folder, page, number, capsys):
    code = blocks(page, "python")[number].replace(DEFAULT_ADDRESS, stack.address)
    code = code.replace(DEFAULT_HTTP, f"127.0.0.1:{stack.ports.http}")
    names = {"Client": partial(Client, stack.address), "client": client}
    exec(compile(code, f"{page} snippet {number}", "exec"), names)
    if "print(" in code:
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples(stack, folder, example):
    assert run(stack, [sys.executable, str(example)]).strip()
    assert run(stack, [sys.executable, str(example), stack.address]).strip()


def test_the_clients_readme_names_every_example():
    named = re.findall(r"`(\w+\.py)`", (ROOT / "clients/python/README.md").read_text())
    assert {path.name for path in EXAMPLES} <= set(named)
