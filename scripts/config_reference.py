"""Write docs/configuration.md from the settings classes; --check only compares."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gateway.config import GatewaySettings
from imagegen.config import ImagegenSettings
from pydantic_core import PydanticUndefined
from retrieval.config import RetrievalSettings
from serving.config import CONFIG_FILE_VARIABLE, ServiceSettings
from textgen.config import TextgenSettings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
SERVICES: tuple[type[ServiceSettings], ...] = (
    TextgenSettings,
    ImagegenSettings,
    RetrievalSettings,
    GatewaySettings,
)
HEADER = f"""\
# Configuration

Every option of every service. This page is generated from the settings classes by `make docs`.

An option is read from, in this order: the environment (`QUADRILLE_<SERVICE>_<OPTION>`), the table of the
service in the TOML file that `{CONFIG_FILE_VARIABLE}` names, the default. A bad value, or a name that is no
option, stops the start with exit status 2 and a sentence that names it. Lists are written `a,b` in the
environment.

```toml
[textgen]
max_batch_size = 16

[gateway]
http_port = 8080
```
"""


def table(kind: type[ServiceSettings], names: list[str]) -> str:
    """A Markdown table of these fields."""
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for name in names:
        field = kind.model_fields[name]
        lines.append(
            f"| `{name}` | {shown(field.get_default(call_default_factory=True))} | {field.description} |"
        )
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A default as the TOML file would write it, relative to the repository where it lies within."""
    if value is None:
        return "none"
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple | list | dict):
        return ", ".join(shown(item) for item in value) or "empty"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text.replace(f'{ROOT}/', '')}`"


def page() -> str:
    """The whole page."""
    shared = [name for name in ServiceSettings.model_fields if name not in ("port", "metrics_port")]
    parts = [HEADER, "## All services\n", table(ServiceSettings, shared)]
    for kind in SERVICES:
        own = [
            name
            for name, field in kind.model_fields.items()
            if name not in ServiceSettings.model_fields
            or repr(field) != repr(ServiceSettings.model_fields[name])
        ]
        parts += [
            f"\n## {kind.service}\n",
            f"Prefix `{kind.model_config['env_prefix']}`.\n",
            table(kind, own),
        ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the page, or with --check fail when the committed one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit("docs/configuration.md is stale: run make docs")


if __name__ == "__main__":
    main()
