"""How many documents an ingest may have in flight. Pure."""


class Credits:
    """Every document spends a credit; credits of finished ones are granted anew, half a window at a time.

    A client that has none left always gets some: then the whole window is in flight and will finish.
    """

    def __init__(self, window: int) -> None:
        self._threshold = max(1, window // 2)
        self._left = window
        self._returned = 0

    def spend(self) -> bool:
        """Take one credit; False when the client has none."""
        if not self._left:
            return False
        self._left -= 1
        return True

    def give_back(self) -> int:
        """Note that a document is done; returns how many credits to grant now, often 0."""
        self._returned += 1
        if self._returned < self._threshold:
            return 0
        granted, self._returned = self._returned, 0
        self._left += granted
        return granted
