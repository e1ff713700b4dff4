"""Whether what was found holds the evidence. Pure."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from quadrille_cli.evaluation.dataset import Place


def recall(found: Sequence[Place], evidence: Sequence[Place]) -> float:
    """The part of the evidence that lies in what was found: of a span its bytes, of a document that it was found."""
    return fmean(_held(place, found) for place in evidence)


def touches(found: Place, evidence: Sequence[Place]) -> bool:
    """Whether a place that was found shares a byte with the evidence."""
    return any(_held(place, [found]) > 0 for place in evidence)


def _held(place: Place, found: Sequence[Place]) -> float:
    here = [each for each in found if each.document == place.document]
    if not place.end_byte:
        return float(bool(here))
    if any(not each.end_byte for each in here):
        return 1.0
    parts = ((max(each.start_byte, place.start_byte), min(each.end_byte, place.end_byte)) for each in here)
    return _length(part for part in parts if part[0] < part[1]) / (place.end_byte - place.start_byte)


def _length(parts: Iterable[tuple[int, int]]) -> int:
    """Of all parts together; what several share counts once."""
    total = last = 0
    for start, end in sorted(parts):
        total += max(0, end - max(start, last))
        last = max(last, end)
    return total
