"""What a model's directory says of itself: everything but its weights, with no code of the model's own."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    GenerationConfig,
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
class ModelFiles:
    """A model's directory, read but for the weights."""

    id: str
    reference: str
    directory: Path
    config: Any
    architecture: str
    loader: Any
    capabilities: frozenset[Capability]
    tokenizer: PreTrainedTokenizerBase
    fast_tokenizer: Tokenizer
    end_ids: frozenset[int]

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether the prompt goes to an encoder, apart from the answer."""
        return bool(self.config.is_encoder_decoder)

    @property
    def is_decoder(self) -> bool:
        """Whether it continues its prompt, in one context with it."""
        return Capability.GENERATE in self.capabilities and not self.is_encoder_decoder

    @property
    def start_token(self) -> int | None:
        """The token that begins a text, if the tokenizer has one."""
        token: int | None = self.tokenizer.bos_token_id
        return token

    @property
    def context_length(self) -> int:
        """Tokens that the model takes."""
        return _context_length(self.config, self.tokenizer, self.directory)

    @property
    def pooling(self) -> str:
        """How an encoder's states become one vector: "cls" or "mean"."""
        return _pooling(self.directory)

    def info(
        self,
        *,
        parameter_count: int,
        dtype: str,
        device: str,
        engine: str,
        reason: str,
        context_length: int | None = None,
    ) -> ModelInfo:
        """The model's facts, once an engine has it; context_length when the engine allows less than the model."""
        mask = self.tokenizer.mask_token if Capability.FILL_MASK in self.capabilities else None
        return ModelInfo(
            id=self.id,
            architecture=self.architecture,
            capabilities=self.capabilities,
            context_length=context_length or self.context_length,
            vocabulary_size=int(self.config.vocab_size),
            parameter_count=parameter_count,
            dtype=dtype,
            device=device,
            engine=engine,
            engine_reason=reason,
            stamp=f"{self.id}@sha256:{weights_digest(self.directory)[:16]}",
            embedding_dimension=int(self.config.hidden_size)
            if Capability.EMBED in self.capabilities
            else None,
            mask_token=None if mask is None else str(mask),
        )


def open_files(model_id: str, reference: str) -> ModelFiles:
    """Read a directory, a hub name, or "minilm", but for its weights. Raises ModelLoadError."""
    directory = _directory(model_id, reference)
    try:
        config = AutoConfig.from_pretrained(directory, trust_remote_code=False)
        architecture = (config.architectures or [type(config).__name__.replace("Config", "Model")])[0]
        loader, capabilities = _family(model_id, architecture)
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
        end_ids = _end_ids(directory, config, tokenizer)
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError(f"model {model_id!r} ({reference}): {error}") from error
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        raise ModelLoadError(f"model {model_id!r} ({reference}): it has no fast tokenizer (tokenizer.json)")
    can_chat = Capability.GENERATE in capabilities and tokenizer.chat_template is not None
    return ModelFiles(
        id=model_id,
        reference=reference,
        directory=directory,
        config=config,
        architecture=architecture,
        loader=loader,
        capabilities=capabilities | _TOKENS | (frozenset({Capability.CHAT}) if can_chat else frozenset()),
        tokenizer=tokenizer,
        fast_tokenizer=fast,
        end_ids=end_ids,
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


def _end_ids(directory: Path, config: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    try:
        ends = GenerationConfig.from_pretrained(directory, local_files_only=True).eos_token_id
    except OSError:  # it has none of its own
        ends = GenerationConfig.from_model_config(config).eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(item for item in (*listed, tokenizer.eos_token_id) if item is not None)
