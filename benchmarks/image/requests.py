"""What every engine is asked: captions, steps and seeds, and when. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from starter.image.captions import caption
from starter.image.scenes import sample_scene


@dataclass(frozen=True, slots=True)
class Request:
    """One image: caption, denoising steps, seed; in an open loop also when it is due, in seconds after the first."""

    prompt: str
    steps: int
    seed: int
    due_s: float = 0.0


def drawn(count: int, steps: Sequence[int], seed: int, edition: int = 0) -> list[Request]:
    """Requests with steps drawn from `steps`, and captions as the starter model has learnt to read them.

    Another edition has the same steps in the same order, under other captions.
    """
    lengths, scenes = random.Random(seed), random.Random(f"{seed} {edition}")
    return [
        Request(caption(sample_scene(scenes), scenes), lengths.choice(steps), place) for place in range(count)
    ]


def arriving(requests: Sequence[Request], rate: float, seed: int) -> list[Request]:
    """The same requests as a Poisson process of `rate` a second; another rate keeps the pattern, and stretches it."""
    source = random.Random(seed)
    gaps = (source.expovariate(rate) for _ in requests[1:])
    times = accumulate(gaps, initial=0.0)
    return [replace(request, due_s=due) for request, due in zip(requests, times, strict=True)]
