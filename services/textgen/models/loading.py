"""Loads a checkpoint: its weights from safetensors only, with no code of the model's own."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from textgen.domain import Capability, ModelInfo
from textgen.models.minilm import minilm_directory

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "1_Pooling/*"]
_TOKENS = frozenset({Capability.TOKENIZE})
# Suffix of the architecture's name -> class to load it by, and what it can be asked for. First match wins.
_FAMILIES: tuple[tuple[str, Any, frozenset[Capability]], ...] = (
    ("ForCausalLM", AutoModelForCausalLM, frozenset({Capability.GENERATE, Capability.SCORE})),
    ("LMHeadModel", AutoModelForCausalLM, frozenset({Capability.GENERATE, Capability.SCORE})),
    ("ForSequenceClassification", AutoModelForSequenceClassification, frozenset({Capability.RERANK})),
    ("ForMaskedLM", AutoModelForMaskedLM, frozenset({Capability.FILL_MASK})),
    ("ForConditionalGeneration", AutoModelForSeq2SeqLM, frozenset({Capability.GENERATE, Capability.SCORE})),
    ("Model", AutoModel, frozenset({Capability.EMBED})),
)
_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_sequence_length")
_DEFAULT_CONTEXT = 2048  # for models with relative positions, which have no limit of their own


class ModelLoadError(Exception):
    """A model cannot be served; the message is one sentence that names it."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Number type and place of the weights; why this engine runs them."""

    dtype: torch.dtype
    device: torch.device
    engine_reason: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model with its tokenizer."""

    info: ModelInfo
    model: Any
    tokenizer: PreTrainedTokenizerBase
    fast_tokenizer: Tokenizer
    pooling: str
    is_encoder_decoder: bool
    end_ids: frozenset[int]
    start_token: int | None


def load_checkpoint(model_id: str, reference: str, options: LoadOptions) -> Checkpoint:
    """Load a directory, a hub name, or "minilm". Raises ModelLoadError."""
    directory = _directory(model_id, reference)
    try:
        config = AutoConfig.from_pretrained(directory, trust_remote_code=False)
        architecture = (config.architectures or [type(config).__name__.replace("Config", "Model")])[0]
        loader, capabilities = _family(model_id, architecture)
        model = loader.from_pretrained(
            directory,
            dtype=options.dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError(f"model {model_id!r} ({reference}): {error}") from error
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        raise ModelLoadError(f"model {model_id!r} ({reference}): it has no fast tokenizer (tokenizer.json)")
    model = model.to(options.device).eval().requires_grad_(False)
    can_chat = Capability.GENERATE in capabilities and tokenizer.chat_template is not None
    mask = tokenizer.mask_token if Capability.FILL_MASK in capabilities else None
    info = ModelInfo(
        id=model_id,
        architecture=architecture,
        capabilities=capabilities | _TOKENS | (frozenset({Capability.CHAT}) if can_chat else frozenset()),
        context_length=_context_length(config, tokenizer, directory),
        vocabulary_size=int(config.vocab_size),
        parameter_count=sum(parameter.numel() for parameter in model.parameters()),
        dtype=str(options.dtype).removeprefix("torch."),
        device=str(options.device),
        engine="torch",
        engine_reason=options.engine_reason,
        stamp=f"{model_id}@sha256:{weights_digest(directory)[:16]}",
        embedding_dimension=int(config.hidden_size) if Capability.EMBED in capabilities else None,
        mask_token=None if mask is None else str(mask),
    )
    return Checkpoint(
        info=info,
        model=model,
        tokenizer=tokenizer,
        fast_tokenizer=fast,
        pooling=_pooling(directory),
        is_encoder_decoder=bool(config.is_encoder_decoder),
        end_ids=_end_ids(model, tokenizer),
        start_token=tokenizer.bos_token_id,
    )


def weights_digest(directory: Path) -> str:
    """SHA-256 over the names and bytes of a directory's safetensors files, hex."""
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.safetensors")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _directory(model_id: str, reference: str) -> Path:
    if reference == "minilm":
        try:
            return minilm_directory()
        except OSError as error:
            raise ModelLoadError(f"model {model_id!r} (minilm): {error}") from error
    path = Path(reference)
    if not path.is_dir():
        if reference.startswith(("/", ".")) or reference.count("/") != 1:
            raise ModelLoadError(f"model {model_id!r}: {reference} is no directory")
        try:
            path = Path(snapshot_download(reference, allow_patterns=_FILES))
        except Exception as error:  # the hub's errors have no common base
            raise ModelLoadError(
                f"model {model_id!r}: {reference} is no directory nor to be had: {error}"
            ) from error
    if not any(path.glob("*.safetensors")):
        raise ModelLoadError(
            f"model {model_id!r} ({reference}): it has no safetensors weights, and no others are read"
        )
    return path


def _family(model_id: str, architecture: str) -> tuple[Any, frozenset[Capability]]:
    for suffix, loader, capabilities in _FAMILIES:
        if architecture.endswith(suffix):
            return loader, capabilities
    raise ModelLoadError(
        f"model {model_id!r}: the architecture {architecture} is of no family that is served"
    )


def _context_length(config: Any, tokenizer: PreTrainedTokenizerBase, directory: Path) -> int:
    limits = [value for name in _CONTEXT_NAMES if (value := getattr(config, name, None))]
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") and limits:
        limits[0] -= config.pad_token_id + 1  # their positions begin after the padding's
    if tokenizer.model_max_length < 1_000_000:
        limits.append(tokenizer.model_max_length)
    sentences = directory / "sentence_bert_config.json"
    if sentences.exists():
        limits.append(json.loads(sentences.read_text()).get("max_seq_length") or _DEFAULT_CONTEXT)
    return int(min(limits, default=_DEFAULT_CONTEXT))


def _pooling(directory: Path) -> str:
    config = directory / "1_Pooling" / "config.json"
    return (
        "cls" if config.exists() and json.loads(config.read_text()).get("pooling_mode_cls_token") else "mean"
    )


def _end_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    generation = getattr(model, "generation_config", None)
    ends = [] if generation is None else generation.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(item for item in (*listed, tokenizer.eos_token_id) if item is not None)
