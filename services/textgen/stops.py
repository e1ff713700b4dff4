"""Stop strings that may lie across token boundaries."""


class StopMatcher:
    """Passes text on until one of the stop strings appears; withholds what may be the start of one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.matched: str | None = None

    def push(self, text: str) -> str:
        """Take more text and return what may be shown. After a match nothing is shown any more."""
        if not self._stops:
            return text
        if self.matched is not None:
            return ""
        text = self._held + text
        hits = [(place, -len(stop), stop) for stop in self._stops if (place := text.find(stop)) >= 0]
        if hits:
            # The earliest match wins; of several at one place, the longest.
            place, _, self.matched = min(hits)
            self._held = ""
            return text[:place]
        held = max((self._overlap(text, stop) for stop in self._stops), default=0)
        shown = text[: len(text) - held]
        self._held = text[len(text) - held :]
        return shown

    def flush(self) -> str:
        """The withheld text, once no more will come."""
        held, self._held = self._held, ""
        return held

    @staticmethod
    def _overlap(text: str, stop: str) -> int:
        """Length of the longest end of text that is a proper beginning of stop."""
        for length in range(min(len(stop) - 1, len(text)), 0, -1):
            if text.endswith(stop[:length]):
                return length
        return 0
