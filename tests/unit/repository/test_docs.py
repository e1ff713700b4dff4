"""What the documentation says to type exists: targets, commands, options, files, links.

What can be run against a stack is run in `tests/e2e/test_docs.py`.
"""

import importlib
import os
import re
import shlex
from pathlib import Path, PurePosixPath

import pytest
import typer
from quadrille_cli.app import app

ROOT = Path(__file__).resolve().parents[3]
FOREIGN = {"node_modules", "out", "data", "__pycache__"}  # beside what begins with a dot
SERVICES = ("textgen", "imagegen", "retrieval", "gateway")
OTHER_VARIABLES = {f"QUADRILLE_{name}" for name in ("CONFIG", "ADDRESS", "API_KEY", "HTTP", "KEYS_FILE")}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def tree():
    """Every file and folder of the repository, relative to its root."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name for name in folders if name == ".ci" or (not name.startswith(".") and name not in FOREIGN)
        ]
        for name in (*folders, *files):
            yield PurePosixPath(folder, name).relative_to(ROOT)


TREE = set(tree())
PAGES = sorted(str(path) for path in TREE if path.suffix == ".md")
GUIDES = [page for page in PAGES if page.startswith(("README", "CONTRIBUTING", "docs/", "clients/"))]


def text_of(page):
    return (ROOT / page).read_text()


def code_of(page):
    """What is set as code: the lines of fenced blocks that are not Python, and spans."""
    text = text_of(page)
    blocks = [body for language, body in FENCE.findall(text) if language not in ("python", "toml", "yaml")]
    return [line for body in blocks for line in body.splitlines()], SPAN.findall(FENCE.sub("", text))


def exists(name):
    """Whether a path of the tree ends in this one."""
    parts = PurePosixPath(name).parts
    return any(path.parts[-len(parts) :] == parts for path in TREE)


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_there_is_something_to_check():
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "clients/python/README.md"} <= set(GUIDES)


@pytest.mark.parametrize("page", GUIDES)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))
    lines, spans = code_of(page)
    asked = {
        name
        for code in (*lines, *spans)
        for name in re.findall(r"(?:^|[;&|])\s*(?:[A-Z_]+=\S+ )*make ([a-z-]+)", code)
    }
    assert asked <= targets


def commands(page):
    """Command lines of quadrille in a page's fenced blocks, without what stands before the program."""
    for line in code_of(page)[0]:
        words = shlex.split(line, comments=True) if re.search(r"(?:^|[ /])quadrille ", line) else []
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words and PurePosixPath(words[0]).name == "quadrille":
            yield words[1:]


def parse(group, words, parent=None):
    """Follow the words to a command and have its parameters parsed and converted; a file need not exist."""
    try:
        context = group.make_context(group.name or "quadrille", list(words), parent=parent)
    except typer.BadParameter as error:
        assert "does not exist" in error.message, error.message
        return
    if hasattr(group, "resolve_command"):
        _, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        parse(command, rest, context)


COMMANDS = [(page, words) for page in GUIDES for words in commands(page)]


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=lambda value: str(value)[:60])
def test_command_lines_are_understood(page, words, monkeypatch):
    monkeypatch.chdir(ROOT)
    parse(typer.main.get_command(app), [word for word in words if word != "…"])


def test_command_lines_are_found():
    assert ["ingest", "README.md", "docs"] in [words for _, words in COMMANDS]


@pytest.mark.parametrize("page", GUIDES)
def test_commands_named_in_passing_exist(page):
    known = set(typer.main.get_command(app).commands)
    named = {
        words[1] for span in code_of(page)[1] if len(words := span.split()) > 1 and words[0] == "quadrille"
    }
    assert {name for name in named if not name.startswith("-")} <= known


@pytest.mark.parametrize("page", GUIDES)
def test_variables_are_options(page):
    known = OTHER_VARIABLES | set(re.findall(r"\$\{(QUADRILLE_\w+)", text_of("docker-compose.yml")))
    for service in SERVICES:
        module = importlib.import_module(f"{service}.config")
        settings = getattr(module, f"{service.capitalize()}Settings")
        known |= {f"QUADRILLE_{service.upper()}_{name.upper()}" for name in settings.model_fields}
    named = set(re.findall(r"QUADRILLE_[A-Z_]*[A-Z]\b(?![<_*])", text_of(page)))
    assert named - {f"QUADRILLE_{service.upper()}" for service in SERVICES} <= known


@pytest.mark.parametrize("page", GUIDES)
def test_python_snippets_compile(page):
    for number, body in enumerate(
        body for language, body in FENCE.findall(text_of(page)) if language == "python"
    ):
        compile(body, f"{page} snippet {number}", "exec")


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_resolve(page):
    broken = []
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        headings = (
            re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE) if anchor and path.is_file() else []
        )
        if not path.exists() or (anchor and slug(anchor) not in map(slug, headings)):
            broken.append(target)
    assert not broken


def test_the_index_has_every_page():
    linked = LINK.findall(text_of("docs/README.md"))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*.md")}
    references = {
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("reference/*.md")
    }
    assert (pages | references) - {"README.md"} <= set(linked)


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "clients/python/README.md"])
def test_files_that_are_named_exist(page):
    lines, spans = code_of(page)
    places = {word for line in lines for word in re.findall(r"(?:^|  )([a-z_./]+/)(?= |$)", line)}
    names = {span for span in spans if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span)}
    names = {name for name in names if "Service/" not in name}
    files = {
        name for name in names if "/" in name or PurePosixPath(name).suffix in (".py", ".md", ".toml", ".txt")
    }
    assert places or files
    assert not [name for name in places | files if not exists(name)]
