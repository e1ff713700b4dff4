"""Tokens that the call in progress has used."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Spending:
    """Tokens charged to the caller so far; shared by all tasks of a call."""

    tokens: int = 0


_current: ContextVar[Spending] = ContextVar("quadrille_spending")


def begin_spending() -> Spending:
    """A count of its own for what follows in this task."""
    spending = Spending()
    _current.set(spending)
    return spending


def spend(tokens: int) -> None:
    """Count tokens of the call in progress; outside of one nothing is counted."""
    if (spending := _current.get(None)) is not None:
        spending.tokens += tokens
