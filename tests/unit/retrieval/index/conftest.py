from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from retrieval import failpoints

from .stack import Stack, open_stack


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    """Open the stack of this test, closing it first when it is open."""
    failpoints.arm([])
    with ExitStack() as opened:

        def make() -> Stack:
            opened.close()
            stack = open_stack(tmp_path / "retrieval")
            opened.callback(stack.close)
            return stack

        yield make
    failpoints.arm([])


@pytest.fixture
def stack(reopen: Callable[[], Stack]) -> Stack:
    return reopen()
