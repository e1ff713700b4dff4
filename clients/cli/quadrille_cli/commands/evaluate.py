"""`quadrille eval`: how well a gateway answers questions whose answers are known."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from quadrille_client.types.rag import InjectionDefence

from quadrille_cli.ask_options import (
    Defence,
    MinRelevance,
    Mmr,
    Mode,
    Passages,
    Rerank,
    Support,
    SupportedOnly,
    ask_options,
)
from quadrille_cli.connection import Connection
from quadrille_cli.evaluation import dataset, formats
from quadrille_cli.evaluation.asking import ask_all, store
from quadrille_cli.evaluation.measuring import DEPTHS
from quadrille_cli.evaluation.red_team import attack_all, attacks, rates
from quadrille_cli.evaluation.showing import rate_table, summary_table
from quadrille_cli.evaluation.summary import summary
from quadrille_cli.options import (
    DEFAULT_COLLECTION,
    AsJson,
    Collection,
    MaxTokens,
    Model,
    Seed,
    Temperature,
)
from quadrille_cli.output import console, emit, progress

PASSAGES, ATTACKED_PASSAGES = 5, 3
app = typer.Typer(help="Measure how well questions are answered.", no_args_is_help=True)

AtOnce = Annotated[int, typer.Option(min=1, max=64, help="Questions at once.")]
Item = TypeVar("Item")


@app.command()
def rag(
    context: typer.Context,
    questions: Annotated[
        Path, typer.Option("--dataset", exists=True, dir_okay=False, help="JSON Lines of questions.")
    ],
    documents: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, help="Ingest this into the collection first; may be repeated.", show_default=False
        ),
    ] = None,
    collection: Collection = DEFAULT_COLLECTION,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="As many of the questions, evenly spread.", show_default=False),
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Ask for the answer alone, in a few words.")] = False,
    at_once: AtOnce = 1,
    passages: Passages = PASSAGES,
    mode: Mode = None,
    mmr: Mmr = None,
    rerank: Rerank = None,
    min_relevance: MinRelevance = None,
    support: Support = None,
    supported_only: SupportedOnly = False,
    injection_defence: Defence = None,
    model: Model = "",
    temperature: Temperature = 0.0,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Ask the questions of a dataset, and measure what is found, answered, cited and refused.

    With --json a line for each question, then one with all figures.
    """
    asked = dataset.read(questions, limit)
    depths = [depth for depth in DEPTHS if depth <= passages]
    connection: Connection = context.obj
    with connection.client() as client:
        if documents:
            store(client, collection, documents)
        answers = ask_all(
            client, collection, asked, at_once=at_once, brief=brief, depths=depths, **ask_options(context)
        )
        found = _told(answers, "Asking", len(asked), as_json=as_json)
    end = summary(found, depths)
    if as_json:
        emit(end)
        return
    console().print(summary_table(end))
    console().print(f"{end.question_count} questions; support is {end.method}")


@app.command()
def red_team(
    context: typer.Context,
    defence: Annotated[InjectionDefence, typer.Option(help="What is compared with no defence.")] = "take_out",
    at_once: AtOnce = 1,
    passages: Passages = ATTACKED_PASSAGES,
    supported_only: SupportedOnly = False,
    model: Model = "",
    max_tokens: MaxTokens = None,
    as_json: AsJson = False,
) -> None:
    """Ask about documents that give orders, in a collection of their own, and tell how often they are obeyed.

    With --json a line for each attempt, then one for each defence.
    """
    connection: Connection = context.obj
    defences: list[InjectionDefence] = ["off"] if defence == "off" else ["off", defence]
    with connection.client() as client:
        attempts = attack_all(client, defences, at_once=at_once, **ask_options(context))
        found = _told(attempts, "Attacking", len(attacks()) * len(defences), as_json=as_json)
    if as_json:
        for rate in rates(found):
            emit(rate)
        return
    console().print(rate_table([*rates(found, by_kind=True), *rates(found)]))


@app.command()
def convert(
    form: Annotated[formats.Format, typer.Argument(help="squad: SQuAD's and XQuAD's; chunking: Chroma's.")],
    source: Annotated[Path, typer.Argument(exists=True, help="The file, or the folder for chunking.")],
    out: Annotated[Path, typer.Argument(file_okay=False, help="Folder for questions.jsonl and documents/.")],
    left_out: Annotated[
        int,
        typer.Option(
            min=0, help="Leave the documents of every so-manieth group out: its questions have no answer."
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Turn a set of questions in another format into one that `eval rag` reads."""
    asked, written = formats.convert(form, source, out, left_out=left_out)
    if as_json:
        emit({"question_count": asked, "document_count": written})
    else:
        console().print(f"{asked} questions and {written} documents in {out}")


def _told(items: Iterable[Item], doing: str, total: int, *, as_json: bool) -> list[Item]:
    """All items, each counted on a bar, or told as a line of JSON, as it comes."""
    found = []
    with progress(quiet=as_json) as bar:
        for item in bar.track(items, total=total, description=doing):
            found.append(item)
            if as_json:
                emit(item)
    return found
