"""A model's version: a digest of its weights."""

import hashlib
from pathlib import Path

from huggingface_hub import snapshot_download


def weights_version(reference: str) -> str:
    """ "sha256:" and the digest of all safetensors files of a loaded directory or hub name, by their relative paths."""
    path = Path(reference)
    folder = path if path.is_dir() else Path(snapshot_download(reference, local_files_only=True))
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"
