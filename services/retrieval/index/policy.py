"""What is built next: pure, so that it is tested by the thousand."""

from collections.abc import Sequence
from dataclasses import dataclass

# A segment with this share of tombstones is built anew.
TOMBSTONE_RATIO = 0.2
# While nothing is written, the share of `seal_at` that is sealed, and how much larger than the rest a segment may be
# that is built anew with it.
_QUIET_SHARE, _QUIET_REACH = 8, 16


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment: vectors without a tombstone, and all it was built from."""

    token: str
    live_count: int
    count: int


@dataclass(frozen=True, slots=True)
class Job:
    """Make one segment of the first `delta_count` vectors of the delta and what lives in these segments."""

    delta_count: int
    tokens: tuple[str, ...]


def plan(
    delta_count: int, segments: Sequence[SegmentState], *, seal_at: int, most: int, quiet: bool = False
) -> Job | None:
    """Return the next job, None when all is well.

    Worn segments come first, the worst before the others. A delta of `seal_at` vectors is sealed, and takes along every
    segment that is not larger than what is taken already (Bentley and Saxe's logarithmic method, 1980): sizes at least
    double from segment to segment, so there are few, and a vector is built in again a logarithmic number of times.
    While it is `quiet`, an eighth of that is sealed, and segments up to 16 times as large come along: mostly one is
    left, and yet a vector came for every 16 that are built in again. Merges stay within `most` vectors a segment.
    """
    worn = [state for state in segments if state.count - state.live_count >= TOMBSTONE_RATIO * state.count]
    if worn:
        worst = min(worn, key=lambda state: state.live_count / state.count)
        return Job(0, (worst.token,))
    least, reach = (max(1, seal_at // _QUIET_SHARE), _QUIET_REACH) if quiet else (seal_at, 1)
    ordered = sorted(segments, key=lambda state: state.live_count)
    if delta_count >= least:
        taken = min(delta_count, most)
        return Job(taken, _along(ordered, taken, reach, most)[0])
    for start in range(len(ordered) if quiet else 0):
        tokens, size = _along(ordered[start:], 0, reach, most)
        if len(tokens) > 1:
            return Job(min(delta_count, most - size), tokens)
    return None


def _along(ordered: Sequence[SegmentState], size: int, reach: int, most: int) -> tuple[tuple[str, ...], int]:
    """Return which segments, the smallest first, come along with so many vectors, and what all are then."""
    tokens = []
    for state in ordered:
        if (size and state.live_count > reach * size) or size + state.live_count > most:
            break
        tokens.append(state.token)
        size += state.live_count
    return tuple(tokens), size
