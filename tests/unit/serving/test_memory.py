import gc

from serving.memory import settle


class Node:
    """In a cycle, so that only a collection frees it."""

    freed = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Node.freed += 1


def test_what_loading_left_is_freed_and_what_is_left_is_not_looked_at_again() -> None:
    kept = Node()
    Node()
    try:
        settle()
        assert Node.freed == 1
        assert gc.get_freeze_count() > 0
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()
