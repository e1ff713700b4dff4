"""Choosing tokens from logits.

The rules apply in this order: logit bias; repetition penalty (Keskar et al., 2019, over prompt and output);
frequency and presence penalties (over the output); the grammar's mask; temperature; top-k; top-p (Holtzman
et al., 2020); min-p (Nguyen et al., 2024). What is left is drawn by inverting the cumulative distribution at
one uniform number from the row's own generator, so the draw does not depend on the row's neighbours.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from serving.errors import InvalidInput
from torch import Tensor

from textgen.domain import Sampling
from textgen.models.base import Constraint, Sampled

_COLDEST = 1e-9
_PARTS = (256, 4096)  # of the vocabulary, that are sorted before all of it is
_STRIDE = 128  # numbers that are added up before they are looked at one by one


class RowSampler:
    """The sampling state of one sequence."""

    def __init__(
        self, sampling: Sampling, seed: int, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> None:
        self.sampling = sampling
        self._constraint = constraint
        self._generator = torch.Generator().manual_seed(seed)
        self._prompt = frozenset(prompt) if sampling.repetition_penalty != 1 else frozenset()
        self._counts: Counter[int] = Counter()
        self._bias = (
            torch.tensor(list(sampling.logit_bias)),
            torch.tensor(list(sampling.logit_bias.values()), dtype=torch.float32),
        )
        self.is_plain_greedy = (
            sampling.temperature == 0
            and constraint is None
            and not sampling.logit_bias
            and sampling.repetition_penalty == 1
            and sampling.frequency_penalty == 0
            and sampling.presence_penalty == 0
        )

    def choose(self, logits: Tensor) -> int:
        """Pick a token from float32 logits (vocabulary,), which stay as they are. InvalidInput when none is left."""
        logits = self._allowed(self._penalised(logits.clone()))
        best = float(logits.max())
        if best == float("-inf"):
            raise InvalidInput("sampling", "its rules leave no token to choose")
        if self.sampling.temperature == 0:
            return int(logits.argmax())
        # The likeliest is at 0, so a small temperature overflows nowhere; below this one float32 tells no difference.
        scores = self._truncated((logits - best) / max(self.sampling.temperature, _COLDEST))
        return _drawn(scores.exp(), float(torch.rand(1, generator=self._generator, dtype=torch.float64)))

    def accept(self, token_id: int) -> None:
        """Count a token that was chosen."""
        if not self.is_plain_greedy:
            self._counts[token_id] += 1

    def _penalised(self, logits: Tensor) -> Tensor:
        rules, device = self.sampling, logits.device
        if rules.logit_bias:
            logits.index_add_(0, self._bias[0].to(device), self._bias[1].to(device))
        if rules.repetition_penalty != 1 and (seen := self._prompt | self._counts.keys()):
            ids = torch.tensor(sorted(seen), device=device)
            there = logits[ids]
            penalty = rules.repetition_penalty
            logits[ids] = torch.where(there > 0, there / penalty, there * penalty)
        if self._counts and (rules.frequency_penalty or rules.presence_penalty):
            ids = torch.tensor(list(self._counts), device=device)
            counts = torch.tensor(list(self._counts.values()), dtype=torch.float32, device=device)
            logits[ids] -= rules.frequency_penalty * counts + rules.presence_penalty
        return logits

    def _allowed(self, logits: Tensor) -> Tensor:
        if self._constraint is None:
            return logits
        bits = np.unpackbits(self._constraint.bitmask().view(np.uint8), bitorder="little")
        allowed = torch.zeros(len(logits), dtype=torch.bool)
        count = min(len(logits), len(bits))
        allowed[:count] = torch.from_numpy(bits[:count]).bool()
        return logits.masked_fill(~allowed.to(logits.device), float("-inf"))

    def _truncated(self, scores: Tensor) -> Tensor:
        rules = self.sampling
        if 0 < rules.top_k < len(scores):
            values, ids = scores.topk(rules.top_k)
            scores = torch.full_like(scores, float("-inf")).index_copy_(0, ids, values)
        if rules.top_p < 1:
            values, ids = _nucleus(scores, rules.top_p)
            scores = torch.full_like(scores, float("-inf")).index_copy_(0, ids, values)
        if rules.min_p > 0:
            scores = scores.masked_fill(scores < float(np.log(rules.min_p)), float("-inf"))
        return scores


def _nucleus(scores: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The likeliest scores that together have top_p of the probability, and whose they are."""
    total = scores.logsumexp(-1)
    for count in (*(part for part in _PARTS if part < len(scores)), len(scores)):
        whole = count == len(scores)
        values, ids = scores.sort(descending=True, stable=True) if whole else scores.topk(count)
        mass = (values - total).exp()
        before = mass.cumsum(-1) - mass
        if before[-1] >= top_p:
            break
    kept = max(1, int((before < top_p).sum()))
    return values[:kept], ids[:kept]


def _drawn(weights: Tensor, draw: float) -> int:
    """The place where `draw`, in [0, 1), falls in the cumulative sum of weights (vocabulary,), not all of them 0."""
    sums = F.pad(weights, (0, -len(weights) % _STRIDE)).view(-1, _STRIDE).double().sum(-1).cumsum(-1)
    wanted = draw * float(sums[-1])
    part = min(_first_above(sums, wanted), int(torch.searchsorted(sums, sums[-1])))
    inside = weights[part * _STRIDE : (part + 1) * _STRIDE].double().cumsum(-1)
    if part > 0:
        wanted -= float(sums[part - 1])
    return part * _STRIDE + min(_first_above(inside, wanted), int(torch.searchsorted(inside, inside[-1])))


def _first_above(sums: Tensor, wanted: float) -> int:
    # right=True: a token of probability zero never owns the number that ends it.
    return int(torch.searchsorted(sums, wanted, right=True))


Summary = Callable[[Tensor], tuple[Tensor, Tensor]]


def summarise(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row of logits (rows, vocabulary) float32: the likeliest token, and log(sum(exp))."""
    return logits.argmax(-1), logits.logsumexp(-1)


def sample(
    logits: Tensor, samplers: Sequence[RowSampler], summary: Summary = summarise
) -> list[Sampled | Exception]:
    """One token for each row of logits (rows, vocabulary). A row's own failure is returned in its place."""
    logits = logits.float()
    best, normalisers = summary(logits)  # (rows,) each
    likeliest, sums = best.tolist(), normalisers.tolist()
    chosen: list[int | Exception] = []
    for row, sampler in enumerate(samplers):
        try:
            if not math.isfinite(sums[row]):
                raise ArithmeticError("the model's logits are not finite")
            chosen.append(likeliest[row] if sampler.is_plain_greedy else sampler.choose(logits[row]))
        except Exception as error:
            chosen.append(error)
    ids = torch.tensor(
        [0 if isinstance(token, Exception) else token for token in chosen], device=logits.device
    )
    logprobs = (logits.gather(1, ids[:, None])[:, 0] - normalisers).tolist()
    results: list[Sampled | Exception] = []
    for row, (token, sampler) in enumerate(zip(chosen, samplers, strict=True)):
        if isinstance(token, Exception):
            results.append(token)
            continue
        sampler.accept(token)
        top: tuple[tuple[int, float], ...] = ()
        if count := sampler.sampling.logprobs:
            values, places = (logits[row] - normalisers[row]).topk(min(count, logits.shape[1]))
            top = tuple(zip(places.tolist(), values.tolist(), strict=True))
        results.append(Sampled(token, logprobs[row], top))
    return results


def likelihoods(logits: Tensor, tokens: Sequence[int], top: int) -> list[Sampled]:
    """Of each row of logits (rows, vocabulary) the log-probability of its token, and the `top` likeliest others."""
    scores = logits.float().log_softmax(-1)
    ids = torch.tensor(list(tokens), device=logits.device)
    values = scores.gather(1, ids[:, None])[:, 0].tolist()
    best = scores.topk(min(top, scores.shape[1]))
    ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [
        Sampled(token, value, tuple(zip(*row, strict=True)))
        for token, value, row in zip(tokens, values, ranked, strict=True)
    ]
