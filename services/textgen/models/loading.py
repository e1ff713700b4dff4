"""Loads a checkpoint's weights into torch, from safetensors only, with no code of the model's own."""

from dataclasses import dataclass
from typing import Any

import torch

from textgen.domain import ModelInfo
from textgen.models.checkpoint import ModelFiles, ModelLoadError, open_files


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Number type and place of the weights; why this engine runs them; whether decoders are quantised."""

    dtype: torch.dtype
    device: torch.device
    engine_reason: str = ""
    int8: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model in torch, with the files it came from."""

    info: ModelInfo
    model: Any
    files: ModelFiles
    int8: bool = False


def load_checkpoint(model_id: str, reference: str, options: LoadOptions) -> Checkpoint:
    """Load a directory, a hub name, or "minilm". Raises ModelLoadError."""
    return load_weights(open_files(model_id, reference), options)


def load_weights(files: ModelFiles, options: LoadOptions) -> Checkpoint:
    """Load the weights of files that are open. Raises ModelLoadError."""
    try:
        model = files.loader.from_pretrained(
            files.directory,
            dtype=options.dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError(f"model {files.id!r} ({files.reference}): {error}") from error
    model = model.to(options.device).eval().requires_grad_(False)
    info = files.info(
        parameter_count=sum(parameter.numel() for parameter in model.parameters()),
        dtype=str(options.dtype).removeprefix("torch."),
        device=str(options.device),
        engine="torch",
        reason=options.engine_reason,
    )
    return Checkpoint(info, model, files, options.int8)
