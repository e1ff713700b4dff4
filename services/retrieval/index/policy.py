"""What is built next: pure, so that it is tested by the thousand."""

from collections.abc import Sequence
from dataclasses import dataclass

# A segment with this share of tombstones is built anew.
TOMBSTONE_RATIO = 0.2


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


def plan(delta_count: int, segments: Sequence[SegmentState], *, seal_at: int, most: int) -> Job | None:
    """Return the next job, None when all is well.

    Worn segments come first, the worst before the others. A delta of `seal_at` vectors is sealed, and takes along every
    segment that is not larger than what is taken already (Bentley and Saxe's logarithmic method, 1980): sizes at least
    double from segment to segment, so there are few, and a vector is built in again a logarithmic number of times.
    A delta and merges stay within `most` vectors a segment.
    """
    worn = [state for state in segments if state.count - state.live_count >= TOMBSTONE_RATIO * state.count]
    if worn:
        worst = min(worn, key=lambda state: state.live_count / state.count)
        return Job(0, (worst.token,))
    if delta_count < seal_at:
        return None
    size = taken = min(delta_count, most)
    tokens = []
    for state in sorted(segments, key=lambda state: state.live_count):
        if state.live_count > size or size + state.live_count > most:
            break
        tokens.append(state.token)
        size += state.live_count
    return Job(taken, tuple(tokens))
