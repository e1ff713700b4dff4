"""`quadrille chat`: one answer, or a conversation."""

import sys
from typing import Annotated, Any

import typer
from quadrille_client import Client
from quadrille_client.types.text import Delta, Message

from quadrille_cli.connection import Connection
from quadrille_cli.options import AsJson, MaxTokens, Model, Name, Seed, Temperature, given
from quadrille_cli.output import console, emit_event, notes


def chat(
    context: typer.Context,
    message: Annotated[
        str | None, typer.Argument(help="What to say. Left out: one turn a line of stdin.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="Instructions for the model.")] = None,
    model: Model = "",
    lora: Annotated[str | None, typer.Option(help="Name of a loaded adapter.", show_default=False)] = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    name: Name = "",
    as_json: AsJson = False,
) -> None:
    """Talk with the language model; answers stream."""
    if name and message is None:
        raise typer.BadParameter("--name needs a message: a conversation's turns are several requests")
    connection: Connection = context.obj
    options = given(temperature=temperature, max_tokens=max_tokens, seed=seed, lora=lora)
    turns: list[Message] = [] if system is None else [{"role": "system", "content": system}]
    with connection.client(name) as client:
        for line in [message] if message is not None else _lines():
            turns.append({"role": "user", "content": line})
            answer = _answer(client, turns, model, options, as_json)
            turns.append({"role": "assistant", "content": answer})


def _answer(client: Client, turns: list[Message], model: str, options: dict[str, Any], as_json: bool) -> str:
    pieces: list[str] = []
    with client.stream_chat(turns, model=model, **options) as stream:
        for event in stream:
            if as_json:
                emit_event(event)
            if isinstance(event, Delta):
                pieces.append(event.text)
                if not as_json:
                    console().out(event.text, end="")
    if not as_json:
        console().out("")
    return "".join(pieces)


def _lines() -> Any:
    interactive = sys.stdin.isatty()
    while True:
        if interactive:
            notes().print("[bold]> [/bold]", end="")
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()
