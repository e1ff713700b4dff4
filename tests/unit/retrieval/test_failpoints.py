import errno
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import retrieval
from pydantic import ValidationError
from retrieval import failpoints
from retrieval.config import RetrievalSettings

SOURCES = sorted(Path(retrieval.__file__).parent.rglob("*.py"))


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(())


def test_every_name_is_passed_somewhere_and_every_place_has_a_name() -> None:
    passed = {
        name for path in SOURCES for name in re.findall(r'failpoints\.hit\("(.*?)"\)', path.read_text())
    }
    assert passed == failpoints.NAMES


def test_every_commit_and_rename_has_one() -> None:
    """A step that nothing can interrupt would be one that no test interrupts."""
    for path in SOURCES:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if re.search(r'execute\("(COMMIT|VACUUM)"|\.rename\(|os\.replace\(|os\.fsync\(', line):
                around = "\n".join(lines[max(0, number - 12) : number])
                assert "failpoints.hit(" in around or "def _sync(" in around, f"{path}:{number + 1}"


def test_nothing_happens_unarmed() -> None:
    for name in failpoints.NAMES:
        failpoints.hit(name)


@pytest.mark.parametrize(("action", "code"), [("error", errno.EIO), ("full", errno.ENOSPC)])
def test_an_error_comes_at_its_pass_or_at_all(action: str, code: int) -> None:
    failpoints.arm([f"file.before_fsync={action}@2", f"write.before_commit={action}"])
    failpoints.hit("file.before_fsync")
    for name in ("file.before_fsync", "write.before_commit", "write.before_commit"):
        with pytest.raises(OSError, match=name) as caught:
            failpoints.hit(name)
        assert caught.value.errno == code
    failpoints.hit("file.before_fsync")
    failpoints.arm([])
    failpoints.hit("write.before_commit")


def test_kill_leaves_no_time_for_anything() -> None:
    program = (
        "from retrieval import failpoints\n"
        "failpoints.arm(['write.after_commit=kill@3'])\n"
        "try:\n"
        "    for i in range(9):\n"
        "        print(i, flush=True)\n"
        "        failpoints.hit('write.after_commit')\n"
        "finally:\n"
        "    print('never', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["0", "1", "2"])


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nowhere=kill", "is no failpoint"),
        ("write.before_commit", "has no action"),
        ("write.before_commit=explode", "has no action"),
        ("write.before_commit=kill@0", "a number from 1"),
        ("write.before_commit=kill@", "a number from 1"),
        ("write.after_commit=error", "cannot fail any more"),
    ],
)
def test_what_is_none_is_refused_by_the_options(spec: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RetrievalSettings(failpoints=(spec,))


def test_a_server_that_others_reach_has_none() -> None:
    spec = ("write.before_commit=kill",)
    RetrievalSettings(failpoints=spec)
    with pytest.raises(ValidationError, match="host must be loopback"):
        RetrievalSettings(failpoints=spec, host="0.0.0.0", allow_anonymous=True)
