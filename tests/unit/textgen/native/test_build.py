import subprocess
from pathlib import Path

import pytest
import torch
from textgen.native import build


@pytest.fixture(autouse=True)
def capable(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_processor_flags", lambda: build._NEEDED | {"sse2"})
    monkeypatch.setattr(build.shutil, "which", lambda name: f"/usr/bin/{name}")


def fake_compiler(monkeypatch, *, fails=None):
    calls, loaded = [], []

    def run(command, **_):
        calls.append(command)
        if fails is not None:
            raise subprocess.CalledProcessError(1, command, stderr=fails)
        output = command[command.index("-o") + 1]
        with open(output, "wb") as file:  # noqa: PTH123 - as a compiler would
            file.write(b"library")

    monkeypatch.setattr(build.subprocess, "run", run)
    monkeypatch.setattr(torch.classes, "load_library", loaded.append)
    return calls, loaded


def test_they_are_built_once_and_again_for_another_processor(monkeypatch, tmp_path):
    calls, loaded = fake_compiler(monkeypatch)
    assert [build.load("decoder"), build.load("decoder")] == [None, None]
    assert len(calls) == 2  # compiled, then linked
    assert "-march=native" in calls[0]
    assert loaded[0] == loaded[1]
    monkeypatch.setattr(build, "_processor_flags", lambda: build._NEEDED)
    assert build.load("decoder") is None
    assert len(calls) == 4
    assert len(list(tmp_path.glob("quadrille/*/decoder.so"))) == 2


def test_what_is_not_asked_for_is_not_built(monkeypatch, tmp_path):
    calls, _ = fake_compiler(monkeypatch)
    assert build.load("encoder") is None
    assert [Path(part).name for part in calls[0] if part.endswith(".cpp")] == ["encoder.cpp"]
    assert [path.name for path in tmp_path.glob("quadrille/*/*")] == ["encoder.so"]


def test_a_failed_build_leaves_nothing_and_says_why(monkeypatch, tmp_path):
    fake_compiler(monkeypatch, fails="In file included\nx.h:3: fatal error: no such file\nmore")
    assert build.load("decoder") == "they could not be built: x.h:3: fatal error: no such file"
    assert not list(tmp_path.glob("quadrille/*/*"))


def test_a_processor_or_a_machine_without_what_it_takes_is_told(monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert build.load("decoder") == "there is no C++ compiler (g++)"
    monkeypatch.setattr(build, "_processor_flags", lambda: build._NEEDED - {"avx512_bf16"})
    assert build.load("decoder") == "the processor lacks avx512_bf16"
