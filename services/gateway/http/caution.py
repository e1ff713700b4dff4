"""How careful HTTP is."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caution:
    """Seconds for a request to come in and for a reader to take bytes; names and origins that are let in.

    `hosts` None lets any name in; `tls` says whether the gateway itself speaks it.
    """

    read_s: float
    stall_s: float | None
    hosts: Collection[str] | None
    origins: Collection[str]
    tls: bool
