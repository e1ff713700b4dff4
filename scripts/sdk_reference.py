"""Write docs/reference from the docstrings and signatures of the SDK and the help of the CLI; --check only compares."""

import argparse
import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
PACKAGE = ROOT / "clients" / "python" / "quadrille_client"
NOTE = """\
Made from the SDK's docstrings by `make docs`. `AsyncClient` and what it gives are the same with
`await`, `async with` and `async for`.
"""
CALLS = ("client", "text", "search", "rag", "ingest", "reembed", "conversation")
# Page, its heading, and the modules whose public classes are on it.
PAGES = (
    ("client", "The client", (*(f"_sync/{name}" for name in CALLS), "tls")),
    ("images", "Images and adapters", ("_sync/images", "_sync/loras", "types/image")),
    ("retrieval", "Collections, documents, administration", ("_sync/retrieval", "types/retrieval")),
    ("streams", "Streams", ("_sync/streams",)),
    ("text", "Text: options and results", ("types/text", "types/tools")),
    ("answers", "Answers and ingest: options and results", ("types/rag",)),
    ("errors", "Errors", ("errors",)),
)
INTERNAL = {"Details"}
ALIAS = re.compile(r"\b\w*types\.(?=[A-Z])")  # how modules of the SDK call each other's


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed source file."""

    tree: ast.Module
    lines: list[str]

    def source(self, first: int, last: int) -> str:
        """Lines from `first` to `last`, counted from 1, without what indents them."""
        return ALIAS.sub("", textwrap.dedent("\n".join(self.lines[first - 1 : last])))


def parsed(name: str) -> Module:
    """A module of the package."""
    text = (PACKAGE / f"{name}.py").read_text()
    return Module(ast.parse(text), text.splitlines())


def classes(module: Module) -> Iterator[ast.ClassDef]:
    """Its public classes."""
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in INTERNAL:
            yield node


def aliases(module: Module) -> Iterator[str]:
    """Its public names for types, as they are written, with the comments above them."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name[0].isupper() and not name.isupper() and "TypeVar" not in ast.unparse(node.value):
                first = node.lineno
                while module.lines[first - 2].startswith("#"):
                    first -= 1
                yield module.source(first, node.end_lineno or first)


def signature(module: Module, node: ast.FunctionDef) -> str:
    """The head of a method as it is written, without `self`."""
    head = module.source(node.lineno, node.body[0].lineno - 1).rstrip()
    return re.sub(r"\((\s*)self(?:, |,\n\s*|(?=\)))", r"(\1", head) + " ..."


def fields(module: Module, node: ast.ClassDef) -> str:
    """The annotated fields of a class."""
    found = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    public = [item for item in found if not ast.unparse(item.target).startswith("_")]
    return "\n".join(module.source(item.lineno, item.end_lineno or item.lineno) for item in public)


def methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Its public methods, and the constructor of what is constructed by those who use it."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            constructs = item.name == "__init__" and node.name == "Client"
            if constructs or not item.name.startswith("_"):
                yield item


def linked(code: str, here: str, places: dict[str, str]) -> str:
    """Links to the types that a signature names."""
    names = dict.fromkeys(name for name in re.findall(r"\w+", code) if name in places and name != here)
    links = ", ".join(f"[{name}]({places[name]}.md#{name.lower()})" for name in names)
    return f"\nTypes: {links}\n" if links else ""


def described(module: Module, node: ast.ClassDef, places: dict[str, str]) -> Iterator[str]:
    """A class: what it is, its fields, its methods."""
    yield f"## {node.name}\n"
    bases = [ast.unparse(base) for base in node.bases if ast.unparse(base) in places]
    if bases and not node.name.endswith("Error"):
        yield f"Also has what {', '.join(f'[{base}]({places[base]}.md#{base.lower()})' for base in bases)} has.\n"
    yield (ast.get_docstring(node) or "") + "\n"
    if written := fields(module, node):
        yield f"```python\n{written}\n```" + linked(written, node.name, places)
    for item in methods(node):
        head = signature(module, item)
        decorators = "".join(f"@{ast.unparse(each)}\n" for each in item.decorator_list)
        yield f"```python\n{decorators}{head}\n```\n" + linked(head, node.name, places)
        if text := ast.get_docstring(item):
            yield text + "\n"


def command_line() -> str:
    """The page of the CLI, as typer writes it."""
    command = [sys.executable, "-m", "typer", "quadrille_cli.app", "utils", "docs", "--name", "quadrille"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return made.strip().replace("# `quadrille`", "# The command line", 1) + "\n"


def formatted(page: str) -> str:
    """A page whose code is as `ruff format` wants it."""
    command = [str(Path(sys.executable).with_name("ruff")), "format", "--stdin-filename", "page.md", "-"]
    return subprocess.run(command, input=page, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def pages() -> dict[str, str]:
    """All pages by file name."""
    modules = {name: parsed(name) for _, _, names in PAGES for name in names}
    places = {
        node.name: page for page, _, names in PAGES for name in names for node in classes(modules[name])
    }
    made = {}
    for page, heading, names in PAGES:
        parts = [f"# {heading}\n", NOTE]
        for name in names:
            if short := list(aliases(modules[name])):
                parts.append("```python\n" + "\n".join(short) + "\n```\n")
            for node in classes(modules[name]):
                parts += described(modules[name], node, places)
        made[f"{page}.md"] = formatted("\n".join(part.rstrip("\n") + "\n" for part in parts))
    return made | {"command-line.md": command_line()}


def main() -> None:
    """Write the pages, or with --check fail when the committed ones are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check, made = parser.parse_args().check, pages()
    there = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    if not check:
        FOLDER.mkdir(exist_ok=True)
        for name in there.keys() - made.keys():
            (FOLDER / name).unlink()
        for name, text in made.items():
            (FOLDER / name).write_text(text)
    elif there != made:
        sys.exit("docs/reference is stale: run make docs")


if __name__ == "__main__":
    main()
