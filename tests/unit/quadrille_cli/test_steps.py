import grpc
import pytest
from quadrille_cli.demo.corpus import find
from quadrille_cli.demo.steps import Steps
from quadrille_cli.failures import Failed
from quadrille_client import NotFoundError
from rich.console import Console


def test_a_step_that_fails_is_told_of_and_the_rest_run(tmp_path):
    ran = []

    def fail():
        raise NotFoundError(grpc.StatusCode.NOT_FOUND, "no such collection")

    with (tmp_path / "screen").open("w") as screen:
        steps = Steps(Console(file=screen))
        steps.run("first", fail)
        steps.run("second", lambda: ran.append(2))
    assert ran == [2]
    assert steps.failed == ["first"]
    assert "no such collection" in (tmp_path / "screen").read_text()
    assert [outcome.problem for outcome in steps.outcomes] == ["NOT_FOUND: no such collection", None]


def test_a_bug_is_not_a_failed_step():
    with pytest.raises(ZeroDivisionError):
        Steps(Console(quiet=True)).run("buggy", lambda: 1 / 0)


def test_the_corpus_is_the_documentation(tmp_path):
    with pytest.raises(Failed, match="--corpus"):
        find(tmp_path)
    (tmp_path / "README.md").write_text("# Read me")
    (tmp_path / "docs").mkdir()
    (tmp_path / "secret.md").touch()
    assert [path.name for path in find(tmp_path)] == ["README.md", "docs"]
