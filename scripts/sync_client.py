"""Write quadrille_client/_sync from quadrille_client/_async by replacing words; --check only compares."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "clients" / "python" / "quadrille_client"
# In order; the first column is a regular expression.
REPLACEMENTS = (
    (
        r"The asynchronous client, written by hand\.",
        "The client, made from _async by scripts/sync_client.py; do not edit.",
    ),
    (r"async def ", "def "),
    (r"async with ", "with "),
    (r"async for ", "for "),
    (r"await asyncio\.sleep", "time.sleep"),
    (r"await ", ""),
    (r"\banext\(", "next("),
    (r"Awaitable\[(\w+)\]", r"\1"),
    (r"asyncio\.(Semaphore|Event)", r"threading.\1"),
    (r"^import grpc\.aio\n", ""),
    (r"grpc\.aio\.", "grpc."),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"__aiter__", "__iter__"),
    (r"\.aclose\(", ".close("),
    (r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"AsyncGenerator", "Generator"),
    (r"AsyncIterator", "Iterator"),
    (r"_async\.", "_sync."),
    (r"ServiceAsyncStub", "ServiceStub"),
    (r"\bAsync([A-Z])", r"\1"),
)
IMPORTS = {"asyncio.sleep": "time", "asyncio.Semaphore": "threading"}


def synchronous(source: str) -> str:
    """The synchronous twin of an asynchronous module."""
    needed = {module for word, module in IMPORTS.items() if word in source}
    imports = "".join(f"import {module}\n" for module in sorted(needed) if f"import {module}\n" not in source)
    text = re.sub(r"^import asyncio\n", imports, source, flags=re.MULTILINE)
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def generate(out: Path) -> None:
    """Write all modules under `out`, formatted."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted((PACKAGE / "_async").glob("*.py")):
        (out / path.name).write_text(synchronous(path.read_text()))
    ruff = str(Path(sys.executable).with_name("ruff"))
    config = ["--config", str(PACKAGE.parents[2] / "pyproject.toml"), "--no-cache", "--quiet"]
    subprocess.run([ruff, "check", "--select", "I,F401", "--fix", *config, str(out)], check=True)
    subprocess.run([ruff, "format", *config, str(out)], check=True)


def main() -> None:
    """Write the modules, or with --check fail when the committed ones are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    target = PACKAGE / "_sync"
    with tempfile.TemporaryDirectory(dir=PACKAGE) as scratch:
        made = Path(scratch) / "_sync"
        generate(made)
        names = {path.name for side in (made, target) if side.exists() for path in side.glob("*.py")}
        stale = [name for name in sorted(names) if _read(made / name) != _read(target / name)]
        if check and stale:
            sys.exit(f"quadrille_client/_sync is stale (run scripts/sync_client.py): {', '.join(stale)}")
        if not check:
            shutil.copytree(made, target, dirs_exist_ok=True)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    main()
