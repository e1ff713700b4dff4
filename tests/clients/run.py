"""Run other people's clients against a stack on this machine: python tests/clients/run.py [NAME …].

Each folder beside this file is one client, in an environment of its own. With constraints.txt it is Python's: pytest
runs its tests from .venv-client-NAME. With package.json it is Node's: node --test. QUADRILLE_ADDRESS (gRPC) and
QUADRILLE_HTTP (http://host:port) tell them where the stack is.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from models import IMAGE_MODELS, make_models
from quadrille_cli.stack import Ports, local_stack

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false", "DO_NOT_TRACK": "1"}


def main(names: list[str]) -> int:
    """0 when all tests of all clients pass, or of those that are named."""
    known = sorted(
        path.parent.name for kind in ("constraints.txt", "package.json") for path in HERE.glob(f"*/{kind}")
    )
    if unknown := set(names) - set(known):
        sys.exit(f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    ports, failed = Ports.free(), []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as started:
        os.environ["QUADRILLE_TEXTGEN_MODELS"] = make_models(Path(folder))
        os.environ["QUADRILLE_IMAGEGEN_MODELS"] = IMAGE_MODELS
        started.enter_context(local_stack(Path(folder), ports=ports))
        addresses = {
            "QUADRILLE_ADDRESS": f"127.0.0.1:{ports.gateway}",
            "QUADRILLE_HTTP": f"http://127.0.0.1:{ports.http}",
        }
        # What the stack was found by is not for the clients to find.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        for name in names or known:
            print(f"== {name}", flush=True)
            command = _command(HERE / name)
            if subprocess.run(command, cwd=ROOT, env=inherited | QUIET | addresses).returncode:
                failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


def _command(folder: Path) -> list[str]:
    if (folder / "package.json").exists():
        return ["node", "--test", *map(str, sorted(folder.glob("*.test.mjs")))]
    python = ROOT / f".venv-client-{folder.name}" / "bin" / "python"
    return [str(python), "-m", "pytest", "-c", str(HERE / "options.ini"), str(folder)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
