"""`quadrille keys`: API keys in the servers' key file. Servers read a changed file again within a second."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import tomlkit
import typer
from rich.table import Table
from serving.keys import TENANT_PATTERN, ApiKey, digest, new_key
from serving.limits import Limits

from quadrille_cli.key_file import changing, read, table_of, whole_second
from quadrille_cli.options import AsJson, given
from quadrille_cli.output import console, emit

app = typer.Typer(no_args_is_help=True, help="Make, list, rotate, scope and revoke API keys.")

Name = Annotated[str, typer.Argument(help="Who holds it.")]
File = Annotated[
    Path, typer.Option("--file", "-f", envvar="QUADRILLE_KEYS_FILE", dir_okay=False, help="The key file.")
]
Tenant = Annotated[
    str | None, typer.Option("--tenant", help="Tenant that it acts for, where several have the name.")
]
Id = Annotated[
    str | None, typer.Option("--id", help="Only the key of this id, of several of the name.", min=1)
]
_SPAN = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _span(text: str) -> timedelta:
    if (match := _SPAN.fullmatch(text)) is None or len(match[1]) > 6:
        raise typer.BadParameter(f"{text!r} is not like 90s, 30m, 12h or 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _now() -> datetime:
    return whole_second(datetime.now(UTC))


@app.callback()
def keys() -> None:
    """Make, list, rotate, scope and revoke API keys."""


@app.command()
def new(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            envvar="QUADRILLE_KEYS_FILE",
            dir_okay=False,
            help="Key file that the entry is added to, made if need be; without one it is printed.",
        ),
    ] = None,
    tenant: Annotated[str, typer.Option(help=f"Tenant it acts for, {TENANT_PATTERN}.")] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may call; repeat it. Default: all but admin and delegate."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Group whose documents it may read; repeat it.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Higher is served first, -100 to 100.")] = 0,
    requests_per_minute: Annotated[int | None, typer.Option(help="Requests a minute at most.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(help="Tokens a minute at most.")] = None,
    tokens_per_day: Annotated[int | None, typer.Option(help="Tokens a day (UTC) at most.")] = None,
    concurrent_requests: Annotated[int | None, typer.Option(help="Requests at once at most.")] = None,
    expires_in: Annotated[str | None, typer.Option(help="How long it is valid, e.g. 12h or 90d.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, show it once, and add the entry that admits it. The server keeps its digest only."""
    key = new_key()
    bounds = given(
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        tokens_per_day=tokens_per_day,
        concurrent_requests=concurrent_requests,
    )
    options: dict[str, Any] = given(scopes=scope, groups=group)
    if expires_in is not None:
        options["expires"] = _now() + _span(expires_in)
    try:
        entry = ApiKey(
            name=name,
            sha256=digest(key),
            tenant=tenant,
            priority=priority,
            limits=Limits.model_validate(bounds),
            created=_now(),
            **options,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if file is not None:
        with changing(file, create=True) as entries:
            entries.add(entry)
    _show(key, entry, as_json, printed=file is None)


@app.command("list")
def list_keys(file: File, as_json: AsJson = False) -> None:
    """List keys: who holds them, what they may, and whether they are valid."""
    now = _now()
    table = Table("name", "id", "state", "tenant", "scopes", "priority", "limits", "expires", box=None)
    for key in read(file).keys:
        state = "revoked" if key.revoked else "valid" if key.admits(now) else "expired"
        limits = key.limits.model_dump(exclude_none=True)
        if as_json:
            entry = key.model_dump(mode="json", exclude={"sha256", "limits"})
            emit({"id": key.id, "state": state, **entry, "limits": limits})
            continue
        said = ", ".join(f"{name}={value}" for name, value in limits.items())
        until = key.expires.isoformat() if key.expires else ""
        table.add_row(
            key.name, key.id, state, key.tenant, " ".join(sorted(key.scopes)), str(key.priority), said, until
        )
    if not as_json:
        console().print(table)


@app.command()
def rotate(
    name: Name,
    file: File,
    tenant: Tenant = None,
    overlap: Annotated[str, typer.Option(help="How long the old key stays valid, e.g. 30m or 7d.")] = "1d",
    as_json: AsJson = False,
) -> None:
    """Make a successor of a key, with all that it may and its lifetime. The old one stays valid for the overlap."""
    key, until = new_key(), _now() + _span(overlap)
    with changing(file) as entries:
        old = [item for item in entries.named(name, tenant) if _valid(item)]
        if not old:
            raise typer.BadParameter(f"no key {name!r} is valid: make a new one")
        newest = ApiKey.model_validate(old[-1].unwrap())
        lifetime = newest.expires - newest.created if newest.expires and newest.created else None
        changes = {"sha256": digest(key), "created": _now(), "expires": lifetime and _now() + lifetime}
        entry = newest.model_copy(update=changes)
        for item in old:
            item["expires"] = min(until, item.get("expires", until))
        entries.add(entry)
    _show(key, entry, as_json, printed=False)


@app.command()
def scope(
    name: Name,
    scopes: Annotated[list[str], typer.Argument(help="All that it may call.")],
    file: File,
    tenant: Tenant = None,
) -> None:
    """Set what the keys of a name may call."""
    with changing(file) as entries:
        for item in entries.named(name, tenant):
            item["scopes"] = sorted(set(scopes))


@app.command()
def revoke(name: Name, file: File, tenant: Tenant = None, id: Id = None) -> None:
    """Revoke the keys of a name: they are refused within a second. What runs already ends by itself."""
    with changing(file) as entries:
        for item in entries.named(name, tenant, id):
            item["revoked"] = True


def _valid(item: Any) -> bool:
    return ApiKey.model_validate(item.unwrap()).admits(_now())


def _show(key: str, entry: ApiKey, as_json: bool, *, printed: bool) -> None:
    if as_json:
        told = entry.model_dump(mode="json", exclude={"revoked"}, exclude_none=True)
        emit({"key": key, "id": entry.id, "entry": told})
        return
    console().out(f"# the key, shown this once: {key}")
    if printed:
        document = tomlkit.document()
        document["keys"] = tomlkit.aot()
        document["keys"].append(table_of(entry))
        console().out(tomlkit.dumps(document).rstrip())
