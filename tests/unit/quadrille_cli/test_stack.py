import os
import signal

import pytest
from quadrille_cli.stack import StackError


def test_all_serve_inside_and_none_is_left_after(make_stack, journal):
    seen = []
    with make_stack({"backend": "", "door": ""}, door="door", report=seen.append) as stack:
        assert stack.address == stack.services[1].address
        pids = [stack.process(name).pid for name in ("backend", "door")]
        assert set(seen[-1].values()) == {"serving"}
        assert "door listens" in stack.process("door").tail()
        stack.check()
    assert journal.read_text().split() == ["door", "backend"], "the door drains before what it stands on"
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_statuses_tell_a_clean_end(make_stack):
    stack = make_stack({"backend": ""})
    stack.start_ready()
    assert stack.stop() == {"backend": 0}
    assert stack.stop() == {"backend": 0}, "stopping again is harmless"


def test_a_service_that_exits_fails_the_start_at_once_with_its_last_words(make_stack):
    stack = make_stack({"good": "", "bad": "broken"})
    with pytest.raises(StackError, match=r"(?s)bad ended with status 1.*the model is missing"):
        stack.start_ready()
    assert stack.process("good").exit_status is not None, "the others are stopped too"


def test_a_service_that_never_serves_fails_the_start(make_stack):
    stack = make_stack({"slow": "loading"}, ready_timeout_s=2.0)
    with pytest.raises(StackError, match="slow did not serve within 2 s"):
        stack.start_ready()


def test_loading_is_told_apart_from_starting(make_stack):
    seen = []
    with pytest.raises(StackError):
        make_stack({"slow": "loading"}, ready_timeout_s=2.0, report=seen.append).start_ready()
    assert [states["slow"] for states in seen] == ["starting", "loading"]


def test_a_death_is_noticed(make_stack):
    with make_stack({"mortal": ""}) as stack:
        os.kill(stack.process("mortal").pid, signal.SIGKILL)
        with pytest.raises(StackError, match="mortal ended with status -9"):
            stack.watch()


def test_what_does_not_drain_is_killed(make_stack):
    stack = make_stack({"stubborn": "stubborn"}, grace_s=0.2)
    stack.start_ready()
    assert stack.stop() == {"stubborn": -signal.SIGKILL}


def test_an_http_door_is_ready_only_when_readyz_says_so(make_stack):
    nobody = "http://127.0.0.1:9/readyz"
    stack = make_stack({"gateway": ""}, ready_timeout_s=1.5, ready_url=nobody)
    with pytest.raises(StackError, match="did not serve"):
        stack.start_ready()
