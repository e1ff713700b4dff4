"""`quadrille ask`: answers that rest on documents and cite them."""

from typing import Annotated, Any

import typer
from quadrille_client.types.rag import AnswerDelta, InjectionDefence, RewriteMethod, SupportMethod
from quadrille_client.types.retrieval import SearchMode

from quadrille_cli.answers import AnswerPrinter
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
    given,
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
    mode: Annotated[
        SearchMode | None, typer.Option(help="What ranks the passages.", show_default=False)
    ] = None,
    where: Where = None,
    mmr: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Vary the passages: weight of relevance against novelty.", show_default=False
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            help='Model that picks the passages out of more; "" for the default.', show_default=False
        ),
    ] = None,
    min_relevance: Annotated[
        float | None, typer.Option(help="Least relevance of a passage.", show_default=False)
    ] = None,
    rewrite: Annotated[
        RewriteMethod, typer.Option(help="What makes a further question stand for itself.")
    ] = "history",
    support: Annotated[
        SupportMethod | None,
        typer.Option(help="How sentences are judged; embedding where a model can.", show_default=False),
    ] = None,
    supported_only: Annotated[
        bool, typer.Option("--supported-only", help="Show sentences that a passage supports, and no others.")
    ] = False,
    defence: Annotated[
        InjectionDefence | None,
        typer.Option(
            help="What is done about passages that read like instructions; take_out when left out.",
            show_default=False,
        ),
    ] = None,
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
    options: dict[str, Any] = given(
        passages=passages,
        mode=mode,
        filter=parse_where(where or []),
        mmr=mmr,
        rerank=rerank,
        min_relevance=min_relevance,
        support=support,
        injection_defence=defence,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
    )
    names = collection or [DEFAULT_COLLECTION]
    with connection.client(name) as client:
        conversation = client.conversation(
            names[0] if len(names) == 1 else names,
            model=model,
            rewrite=rewrite,
            supported_only=supported_only,
            **options,
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
