"""`quadrille ask`: an answer that rests on documents and cites them."""

from typing import Annotated, Any

import typer
from quadrille_client.types.rag import AnswerDelta, AskFinished, Citation, Retrieved
from quadrille_client.types.retrieval import SearchMode
from rich.console import Console
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.options import (
    DEFAULT_COLLECTION,
    AsJson,
    Collection,
    MaxTokens,
    Model,
    Seed,
    Temperature,
    given,
)
from quadrille_cli.output import console, emit_event


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: Collection = DEFAULT_COLLECTION,
    passages: Annotated[
        int | None, typer.Option(min=1, max=32, help="Passages to answer from.", show_default=False)
    ] = None,
    mode: Annotated[
        SearchMode | None, typer.Option(help="What ranks the passages.", show_default=False)
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            help='Model that picks the passages out of more; "" for the default.', show_default=False
        ),
    ] = None,
    model: Model = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Ask a question of the documents in a collection."""
    connection: Connection = context.obj
    sampling: dict[str, Any] = given(temperature=temperature, max_tokens=max_tokens, seed=seed)
    with (
        connection.client() as client,
        client.stream_ask(
            collection, question, model=model, passages=passages, mode=mode, rerank=rerank, **sampling
        ) as stream,
    ):
        printer = AnswerPrinter(console())
        for event in stream:
            if as_json:
                emit_event(event)
            else:
                printer.show(event)


class AnswerPrinter:
    """Shows an answer as it comes: passages, text, then citations and how well it is supported."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._citations: list[Citation] = []

    def show(self, event: Retrieved | AnswerDelta | Citation | AskFinished) -> None:
        """Show one event."""
        if isinstance(event, Retrieved):
            for passage in event.passages:
                hit = passage.hit
                opening = " ".join(hit.text.split())[:80]
                place = f"{hit.document_id} bytes {hit.start_byte}-{hit.end_byte}"
                self._console.print(Text(f"[{passage.number}] {place}: {opening}…", style="dim"))
        elif isinstance(event, AnswerDelta):
            self._console.out(event.text, end="", highlight=False)
        elif isinstance(event, Citation):
            self._citations.append(event)
        else:
            self._end(event)

    def _end(self, event: AskFinished) -> None:
        self._console.out("")
        for item in self._citations:
            said = f"answer bytes {item.answer_start_byte}-{item.answer_end_byte}"
            rests = f"{item.document_id} bytes {item.start_byte}-{item.end_byte}"
            self._console.print(Text(f"  [{item.number}] {said} rest on {rests}", style="cyan"))
        support = event.groundedness
        self._console.print(
            Text(
                f"  grounded {support.score:.2f}: {support.supported_sentence_count} of "
                f"{support.sentence_count} sentences ({support.method}); {event.model}, "
                f"search {event.search_ms:.0f} ms, first token {event.first_token_ms:.0f} ms",
                style="dim",
            )
        )
