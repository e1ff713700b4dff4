from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from retrieval import failpoints

from .stack import Stack, open_stack


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Open the stack of this test, closing it first when it is open; arguments are those of `open_stack`."""
    failpoints.arm([])
    with ExitStack() as opened:

        def make(quiet_s: float = 0.0) -> Stack:
            opened.close()
            stack = open_stack(tmp_path / "retrieval", quiet_s)
            opened.callback(stack.close)
            return stack

        yield make
    failpoints.arm([])


@pytest.fixture
def stack(reopen: Callable[[], Stack]) -> Stack:
    return reopen()
