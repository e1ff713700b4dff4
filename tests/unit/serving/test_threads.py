import threading

import pytest
from serving.threads import in_passing_thread


async def test_work_runs_in_a_thread_that_is_gone_afterwards() -> None:
    ran_in = await in_passing_thread(threading.current_thread)
    assert ran_in is not threading.current_thread()
    assert not ran_in.is_alive()


async def test_what_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_passing_thread(lambda: 1 // 0)
