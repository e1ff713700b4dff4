"""How long the language model is trained, how fast, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starter.checkpoint import learning_rate

from .grounded import Draw


@dataclass(frozen=True)
class Phase:
    """What is drawn from a part of the steps on; `drills` is the part of it that is only to be repeated."""

    since: float
    drills: float
    draw: Draw


_MADE_UP = Draw(max_sentences=2)
_WORDS = Draw(max_sentences=3, real_words=True)
_INSTRUCTED = Draw(max_sentences=5, real_words=True, instructed=True)
# It begins easy: few sentences, and many only to repeat.
PHASES = (
    Phase(0.0, 0.5, _MADE_UP),
    Phase(0.06, 0.3, _WORDS),
    Phase(0.15, 0.1, _INSTRUCTED),
    Phase(0.35, 0.05, replace(_INSTRUCTED, max_sentences=8)),
    Phase(0.7, 0.03, replace(_INSTRUCTED, max_sentences=12)),
    Phase(0.88, 0.03, replace(_INSTRUCTED, max_sentences=16)),
)
# Long passages, lines that are broken as in Markdown, and much that looks like an answer and is none.
_HARD = replace(
    _INSTRUCTED, max_sentences=12, answerable=0.68, same_relation=0.6, same_thing=0.7, wrapped=0.3
)
HARDER = (
    Phase(0.0, 0.02, _HARD),
    Phase(0.6, 0.02, replace(_HARD, max_sentences=32)),
)
HARDER_RATE = 0.4  # of the peak rates


@dataclass(frozen=True)
class Plan:
    """How long is trained, and how fast: the rates of the matrices and of all else.

    After `steps` come `harder` ones: a warm restart (Loshchilov and Hutter, 2017, arXiv:1608.03983) on HARDER, whose
    weights are averaged with those before it.
    """

    steps: int
    harder: int = 0
    matrix_rate: float = 0.02
    peak_rate: float = 2e-3
    batch_tokens: int = 3072
    phases: tuple[Phase, ...] = PHASES
    cooldown: float | None = None  # see learning_rate

    @property
    def all_steps(self) -> int:
        """Easier and harder ones."""
        return self.steps + self.harder

    def phase_at(self, step: int) -> Phase:
        """The phase that a step is in."""
        phases, part = self.phases, step / self.steps
        if step >= self.steps:
            phases, part = HARDER, (step - self.steps) / self.harder
        return next(phase for phase in reversed(phases) if part >= phase.since)

    def rate_at(self, step: int) -> float:
        """The learning rate, as a part of the peak rates."""
        if step < self.steps:
            return learning_rate(step, self.steps, 1.0, cooldown=self.cooldown)
        return learning_rate(step - self.steps, self.harder, HARDER_RATE)


PLAN = Plan(5400, harder=1600)
