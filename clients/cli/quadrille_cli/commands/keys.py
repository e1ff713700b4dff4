"""`quadrille keys`: API keys for the servers' key file."""

import json
from typing import Annotated

import typer
from serving.auth import TENANT_PATTERN, ApiKey, digest, new_key

from quadrille_cli.options import AsJson
from quadrille_cli.output import console, emit

app = typer.Typer(no_args_is_help=True, help="Make API keys.")


@app.callback()
def keys() -> None:
    """Make API keys."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Who will hold it.")],
    tenant: Annotated[str, typer.Option(help=f"Tenant it acts for, {TENANT_PATTERN}.")] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may call; repeat it. Default: all but admin and delegate."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Group whose documents it may read; repeat it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a new key, once, and the entry that admits it. The server keeps its digest only."""
    key = new_key()
    options = {
        name: frozenset(given) for name, given in (("scopes", scope), ("groups", group)) if given is not None
    }
    try:
        entry = ApiKey(name=name, sha256=digest(key), tenant=tenant, **options)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        emit({"key": key, "entry": entry.model_dump(mode="json", exclude={"revoked"})})
        return
    console().out(f"# the key, shown this once: {key}")
    console().out(toml_entry(entry))


def toml_entry(entry: ApiKey) -> str:
    """The entry as the key file has it."""
    scopes = ", ".join(json.dumps(scope) for scope in sorted(entry.scopes))
    groups = ", ".join(json.dumps(group) for group in sorted(entry.groups))
    return (
        f"[[keys]]\nname = {json.dumps(entry.name)}\nsha256 = {json.dumps(entry.sha256)}\n"
        f"tenant = {json.dumps(entry.tenant)}\nscopes = [{scopes}]"
        + (f"\ngroups = [{groups}]" if groups else "")
    )
