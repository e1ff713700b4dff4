import json
import os
import signal
import subprocess
import sys

import pytest

COMMAND = (sys.executable, "-c", "from quadrille_cli.app import main; main()", "up", "--port-base", "0")


@pytest.fixture
def up(tmp_path, fake_services):
    """Runs `quadrille up` over tiny services; with a true process, since signals are what is tested."""
    started = []

    def run(*arguments, **environment):
        process = subprocess.Popen(
            [*COMMAND, "--data-dir", str(tmp_path / "data"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_then_a_signal_drains_the_door_first(up, journal, tmp_path, number):
    process = up("--json")
    ready = json.loads(process.stdout.readline())
    assert ready["event"] == "ready"
    assert ready["logs"] == str(tmp_path / "data" / "logs")
    assert len(ready["pids"]) == 4
    process.send_signal(number)
    rest, _ = process.communicate()
    assert process.returncode == 0
    assert rest == ""
    ended = journal.read_text().split()
    assert ended[0] == "gateway"
    assert set(ended[1:]) == {"textgen", "imagegen", "retrieval"}


def test_the_death_of_a_service_ends_the_stack(up, journal):
    process = up("--json")
    pids = json.loads(process.stdout.readline())["pids"]
    os.kill(pids["imagegen"], signal.SIGKILL)
    _, problems = process.communicate()
    assert process.returncode == 1
    assert "imagegen ended with status -9" in problems
    assert set(journal.read_text().split()) == {"gateway", "textgen", "retrieval"}


def test_a_service_that_cannot_start_is_named_with_its_last_words(up):
    process = up(FAKE_RETRIEVAL="broken")
    printed, problems = process.communicate()
    assert process.returncode == 1
    assert "ready" not in printed
    assert "retrieval ended with status 1" in problems
    assert "the model is missing" in problems
