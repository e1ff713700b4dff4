"""GET /docs: the OpenAPI description as a page, made here, without scripts and without anything from elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

Schema = Mapping[str, Any]
_STYLE = Path(__file__).with_name("reference.css")
_LIMITS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "minItems": "{} items or more",
    "maxItems": "at most {} items",
}


def reference_routes(description: Callable[[], Schema]) -> APIRouter:
    """The page of a description, and its style."""
    router = APIRouter(include_in_schema=False)
    page = cache(lambda: render(description()))

    @router.get("/docs")
    async def reference() -> HTMLResponse:
        return HTMLResponse(page())

    @router.get("/docs/reference.css")
    async def style() -> Response:
        return Response(_STYLE.read_text(), media_type="text/css")

    return router


def render(description: Schema) -> str:
    """HTML of an OpenAPI 3.1 description."""
    info = description["info"]
    operations = [
        (method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    links = (
        f'<li><a href="#{_anchor(m, p)}"><b>{m.upper()}</b> {escape(p)}</a></li>' for m, p, _ in operations
    )
    schemas = sorted(description.get("components", {}).get("schemas", {}).items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(info["title"])} API</title><link rel="stylesheet" href="/docs/reference.css"></head>
<body><header><h1>{escape(info["title"])} API</h1><p>{escape(info.get("description", ""))}</p>
<p><a href="/openapi.json">openapi.json</a></p></header>
<nav aria-label="Endpoints"><ul>{"".join(links)}</ul></nav>
<main>{"".join(_operation(*each) for each in operations)}
<h2>Schemas</h2>{"".join(_schema(name, schema) for name, schema in schemas)}</main></body></html>"""


def _operation(method: str, path: str, operation: Schema) -> str:
    contents = operation.get("requestBody", {}).get("content", {})
    asked = "".join(f"<p>{escape(kind)}: {_form(content)}</p>" for kind, content in contents.items())
    parameters = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td><td>{_kind(each['schema'])}</td></tr>"
        for each in operation.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{_contents(answer)}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<section id="{_anchor(method, path)}"><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>'
        f"<p>{escape(operation.get('description', operation.get('summary', '')))}</p>{asked}"
        f"{_table(('Parameter', 'Place', 'Type'), parameters)}"
        f"{_table(('Status', 'Meaning', 'Body'), answers)}</section>"
    )


def _form(content: Schema) -> str:
    schema = content.get("schema", {})
    return _fields(schema) if "properties" in schema else _kind(schema)


def _contents(answer: Schema) -> str:
    return "<br>".join(
        f"{escape(kind)} {_kind(content.get('schema', {}))}"
        for kind, content in answer.get("content", {}).items()
    )


def _schema(name: str, schema: Schema) -> str:
    text = escape(schema.get("description", ""))
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{text}</p>{_fields(schema)}</section>'


def _fields(schema: Schema) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_kind(field)}</td>"
        f"<td>{'required' if name in required else _default(field)}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return _table(("Field", "Type", "Default", ""), rows)


def _default(field: Schema) -> str:
    return "" if field.get("default") is None else f"<code>{escape(repr(field['default']))}</code>"


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return " or ".join(_kind(each) for each in schema[union] if each.get("type") != "null")
    if "const" in schema or "enum" in schema:
        return " | ".join(
            f"<code>{escape(str(value))}</code>" for value in schema.get("enum", [schema.get("const")])
        )
    limits = "".join(f" {form.format(schema[key])}" for key, form in _LIMITS.items() if key in schema)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}{escape(limits)}"
    return escape(f"{schema.get('type', 'any')}{limits}")


def _table(heads: Iterable[str], rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))
