"""An index of sealed segments and a flat delta, which takes what was added since they were built."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from retrieval.domain import CollectionSpec, Effort, Ids, Scores, Vector
from retrieval.index import exact
from retrieval.index.base import Fetch, SegmentKind
from retrieval.index.flat import FlatIndex
from retrieval.index.places import find, lacking
from retrieval.index.policy import Job, SegmentState
from retrieval.index.segment import Segment


class SegmentedIndex:
    """A `VectorIndex`. `begin`, then `swap` or `abandon`, exchange what a job names for one new segment."""

    def __init__(self, spec: CollectionSpec, kind: SegmentKind) -> None:
        self.spec = spec
        self.kind = kind
        self.segments: list[Segment] = []
        self.changed_at = time.monotonic()  # when a vector came or went
        self._delta = FlatIndex(spec)
        self._last = -1  # the greatest id ever added
        self._removed_since_begin: list[Ids] | None = None

    def __len__(self) -> int:
        return len(self._delta) + sum(segment.live_count for segment in self.segments)

    @property
    def delta_count(self) -> int:
        """Number of vectors in no segment."""
        return len(self._delta)

    @property
    def nbytes(self) -> int:
        """Size of the vectors in memory, in bytes."""
        return self._delta.nbytes + sum(segment.sealed.nbytes for segment in self.segments)

    @property
    def in_memory(self) -> bool:
        """Whether its segments hold the vectors whole, in this process."""
        return self.kind.in_memory

    def add(self, ids: Ids, vectors: Vector) -> None:
        """Add vectors (n, dimension) under ids that ascend and exceed all that were ever added."""
        if len(ids) and ids[0] <= self._last:
            raise ValueError("ids must ascend")
        self._touch(len(ids))
        self._delta.add(ids, vectors)
        self._last = int(ids[-1]) if len(ids) else self._last

    def load(self, segments: Iterable[Segment], rest: Iterable[tuple[Ids, Vector]]) -> None:
        """Fill an empty index with segments, and the delta with blocks of what they lack."""
        self.segments = list(segments)
        for ids, vectors in rest:
            self._delta.add(ids, vectors)
        ends = [segment.ids[-1:] for segment in self.segments] + [self._delta.ids()[-1:]]
        self._last = int(np.concatenate(ends).max(initial=-1))

    def remove(self, ids: Ids) -> None:
        """Remove ids; those it does not hold are passed over."""
        self._touch(len(ids))
        self._delta.remove(ids)
        for segment in self.segments:
            segment.bury(ids)
        if self._removed_since_begin is not None:
            self._removed_since_begin.append(ids)

    def search(
        self,
        queries: Vector,
        k: int,
        allowed: Ids | None = None,
        effort: Effort = Effort.DEFAULT,
        fetch: Fetch | None = None,
    ) -> list[tuple[Ids, Scores]]:
        """Return for each query the k best ids and their scores, best first, then those that tie with the k-th."""
        parts = [segment.candidates(queries, k, allowed, effort, fetch) for segment in self.segments]
        if len(self._delta):
            parts.append(self._delta.candidates(queries, k, allowed))
        if not parts:
            return [exact.NOTHING] * len(queries)
        ids, scores = parts[0] if len(parts) == 1 else map(np.hstack, zip(*parts, strict=True))
        return exact.best_of_each(ids, scores, k)

    def learn(self, k: int, effort: Effort, recall: float) -> bool:
        """Take in what share of its k nearest a query without a filter found; searches go on meanwhile."""
        return self.kind.learn([segment.sealed for segment in self.segments], k, effort, recall)

    def explain(self, k: int, allowed: Ids | None, effort: Effort) -> list[str]:
        """Tell how many segments are searched in which way, and how many vectors are in none."""
        steps = Counter(str(segment.plan(k, allowed, effort)) for segment in self.segments)
        parts = [f"{count} x {step}" for step, count in sorted(steps.items())]
        return [*parts, f"{len(self._delta)} vectors in no segment"]

    def mismatch(self, stored: Iterable[tuple[Ids, Vector]]) -> str | None:
        """Compare ids, and vectors bit by bit where they are kept."""
        count = 0
        for ids, vectors in stored:
            held = list(self._held(ids))
            if not np.array_equal(np.sort(np.concatenate([found for found, _ in held])), ids):
                return "holds other chunks than the database"
            for found, kept in held:
                if kept is not None and not np.array_equal(kept, vectors[find(ids, found)]):
                    return "holds other vectors than the database"
            count += len(ids)
        return None if count == len(self) else f"holds {len(self)} vectors, the database {count}"

    def state(self) -> tuple[int, list[SegmentState]]:
        """Return what `policy.plan` judges: the size of the delta, and the segments."""
        return len(self._delta), [
            SegmentState(segment.record.token, segment.live_count, len(segment.ids))
            for segment in self.segments
        ]

    def begin(self, job: Job) -> Ids:
        """Return the ids that the job's segment shall have, ascending, and note removals from now on."""
        self._removed_since_begin = []
        chosen = [segment.live_ids() for segment in self.segments if segment.record.token in job.tokens]
        return np.sort(np.concatenate([self._delta.ids()[: job.delta_count], *chosen]))

    def swap(self, segment: Segment | None, tokens: Collection[str]) -> list[Segment]:
        """Exchange these segments, and what of the delta the new one has, for it; returns those taken out."""
        removed, self._removed_since_begin = self._removed_since_begin or [], None
        out = [old for old in self.segments if old.record.token in tokens]
        self.segments = [old for old in self.segments if old.record.token not in tokens]
        if segment is not None:
            for ids in removed:
                segment.bury(ids)
            self.segments.append(segment)
            self._shrink_delta(segment.ids)
        return out

    def abandon(self) -> None:
        """Forget the job that was begun."""
        self._removed_since_begin = None

    def _touch(self, count: int) -> None:
        if count:
            self.changed_at = time.monotonic()

    def _held(self, ids: Ids) -> Iterator[tuple[Ids, Vector | None]]:
        for segment in self.segments:
            yield segment.held(ids)
        places = find(self._delta.ids(), ids)
        yield self._delta.ids()[places], self._delta.vectors(places)

    def _shrink_delta(self, sealed: Ids) -> None:
        # Made anew rather than removed from: FAISS would keep the memory.
        rest = FlatIndex(self.spec)
        keep = np.flatnonzero(lacking(sealed, self._delta.ids()))
        rest.add(self._delta.ids()[keep], self._delta.vectors(keep))
        self._delta = rest
