"""Asks a gateway many questions, some at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from quadrille_client import Client
from quadrille_client.types.rag import FileRefused

from quadrille_cli.evaluation.dataset import Question
from quadrille_cli.evaluation.measuring import DEPTHS, Measured, measured
from quadrille_cli.failures import Failed

BRIEF = "Answer in a few words."
Item = TypeVar("Item")
Made = TypeVar("Made")


def ask_all(
    client: Client,
    collection: str | Sequence[str],
    questions: Sequence[Question],
    *,
    at_once: int = 1,
    brief: bool = False,
    depths: Sequence[int] = DEPTHS,
    **options: Any,
) -> Iterator[Measured]:
    """Figures of each question, in order; `brief` asks for the answer alone. `options` are those of `Client.ask`."""

    def one(item: Question) -> Measured:
        asked = f"{item.question} {BRIEF}" if brief else item.question
        return measured(item, client.ask(collection, asked, **options), depths)

    return in_order(one, questions, at_once)


def store(client: Client, collection: str, paths: Sequence[Path]) -> None:
    """Ingest files and folders. Raises Failed where one is refused, since its questions would seem unanswered."""
    try:
        for event in client.ingest(collection, paths):
            if isinstance(event, FileRefused):
                raise Failed(f"{event.id} was refused: {event.description}")
    except ValueError as error:
        raise Failed(str(error)) from error


def in_order(work: Callable[[Item], Made], items: Sequence[Item], at_once: int) -> Iterator[Made]:
    """What the work makes of each item, in their order; the first error ends it, and what has not begun is left."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
