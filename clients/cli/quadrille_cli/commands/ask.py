"""`quadrille ask`: answers that rest on documents and cite them."""

from typing import Annotated

import typer
from quadrille_client.types.rag import AnswerDelta, RewriteMethod

from quadrille_cli.answers import AnswerPrinter
from quadrille_cli.ask_options import (
    Defence,
    MinRelevance,
    Mmr,
    Mode,
    Rerank,
    Support,
    SupportedOnly,
    ask_options,
)
from quadrille_cli.connection import Connection
from quadrille_cli.options import (
    DEFAULT_COLLECTION,
    AsJson,
    MaxTokens,
    Model,
    Name,
    Seed,
    Temperature,
    Where,
    parse_where,
)
from quadrille_cli.output import console, emit_event


def ask(
    context: typer.Context,
    questions: Annotated[
        list[str], typer.Argument(help="The question. Further ones may refer to those before them.")
    ],
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            "-c",
            help=f"Name or alias of a collection; may be repeated. {DEFAULT_COLLECTION} when left out.",
            show_default=False,
        ),
    ] = None,
    passages: Annotated[
        int | None, typer.Option(min=1, max=32, help="Passages to answer from.", show_default=False)
    ] = None,
    mode: Mode = None,
    where: Where = None,
    mmr: Mmr = None,
    rerank: Rerank = None,
    min_relevance: MinRelevance = None,
    rewrite: Annotated[
        RewriteMethod, typer.Option(help="What makes a further question stand for itself.")
    ] = "history",
    support: Support = None,
    supported_only: SupportedOnly = False,
    injection_defence: Defence = None,
    model: Model = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    name: Name = "",
    as_json: AsJson = False,
) -> None:
    """Ask questions of the documents in collections."""
    if name and len(questions) > 1:
        raise typer.BadParameter("--name needs a single question: each is a request")
    connection: Connection = context.obj
    names = collection or [DEFAULT_COLLECTION]
    with connection.client(name) as client:
        conversation = client.conversation(
            names[0] if len(names) == 1 else names,
            filter=parse_where(where or []),
            **ask_options(context),
        )
        for question in questions:
            printer, said = AnswerPrinter(console()), ""
            with conversation.stream_ask(question) as stream:
                for event in stream:
                    if isinstance(event, AnswerDelta):
                        said += event.text
                    if as_json:
                        emit_event(event)
                    else:
                        printer.show(event)
            conversation.remember(question, said)
