"""What a stream has said, numbered, as much of it as is kept."""

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Replay(Generic[Item]):
    """Items numbered from 1 in the order in which they came; only the oldest are ever let go."""

    def __init__(self) -> None:
        self._kept: deque[tuple[Item, int]] = deque()
        self.first = 1  # number of the oldest that is kept, or of the next when none is
        self.size_bytes = 0

    @property
    def last(self) -> int:
        """Number of the newest; 0 before the first."""
        return self.first + len(self._kept) - 1

    def append(self, item: Item, size_bytes: int) -> None:
        """Add the next one."""
        self._kept.append((item, size_bytes))
        self.size_bytes += size_bytes

    def __getitem__(self, number: int) -> Item:
        """The item of a number from `first` to `last`; KeyError for others."""
        if not self.first <= number <= self.last:
            raise KeyError(number)
        return self._kept[number - self.first][0]

    def trim(self, upto: int, bytes_wanted: int) -> int:
        """Let the oldest go, none above number `upto`, until so many bytes are free; returns how many are."""
        freed = 0
        while freed < bytes_wanted and self._kept and self.first <= upto:
            freed += self._kept.popleft()[1]
            self.first += 1
        self.size_bytes -= freed
        return freed
