"""Generate the Python stubs in protos/gen from protos/quadrille; --check only compares."""

import argparse
import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent / "protos"


def generate(out: Path) -> None:
    """Write the modules, their types and the service stubs under `out`."""
    sources = sorted(str(path) for path in ROOT.glob("quadrille/**/*.proto"))
    includes = [f"-I{ROOT}", f"-I{files('grpc_tools') / '_proto'}"]
    targets = [
        f"--python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
    ]
    # The plugins beside this interpreter, whether or not its environment is activated.
    beside = Path(sys.executable).parent
    plugins = [f"--plugin={name}={beside / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    if protoc.main(["protoc", *plugins, *includes, *targets, *sources]) != 0:
        sys.exit("protoc failed")


def differences(left: Path, right: Path) -> list[str]:
    """Relative paths of the files that differ or that only one side has."""
    names = {
        path.relative_to(side)
        for side in (left, right)
        for path in side.rglob("*.py*")
        if path.suffix != ".pyc"
    }
    return sorted(
        str(name)
        for name in names
        if not (
            (left / name).exists()
            and (right / name).exists()
            and filecmp.cmp(left / name, right / name, False)
        )
    )


def main() -> None:
    """Regenerate, or with --check fail when the committed stubs are not what protoc makes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        changed = differences(Path(scratch), ROOT / "gen")
        if check and changed:
            sys.exit(f"protos/gen is stale (run make protos): {', '.join(changed)}")
        if not check:
            shutil.copytree(scratch, ROOT / "gen", dirs_exist_ok=True)
            for name in changed:
                if not (Path(scratch) / name).exists():
                    (ROOT / "gen" / name).unlink()


if __name__ == "__main__":
    main()
