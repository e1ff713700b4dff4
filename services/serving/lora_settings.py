"""Options of a service whose models take LoRA adapters."""

from pydantic import DirectoryPath, Field, field_validator

from serving.config import CommaList, ServiceSettings
from serving.loras import LoraOptions, is_name, split_lora


class LoraSettings(ServiceSettings):
    """What may be loaded, from where, and what is loaded at start."""

    lora_dir: DirectoryPath | None = Field(
        None,
        description=(
            "Directory whose folders are LoRA adapters that may be loaded at run time, by the folder's name. "
            "None: none can be."
        ),
    )
    loras: CommaList = Field(
        (),
        description=(
            "LoRA adapters to load at start, each [model/]name[=folder]: without a model that of the default that can "
            "generate, without a folder the one of that name in lora_dir."
        ),
    )
    max_loras: int = Field(8, ge=1, description="Adapters that a model may have loaded at once.")
    max_lora_rank: int = Field(64, ge=1, le=512, description="Largest rank of an adapter.")
    max_lora_bytes: int = Field(
        1024 * 1024 * 1024, ge=1, description="Memory for the adapters of a model, in bytes."
    )

    @property
    def lora_options(self) -> LoraOptions | None:
        """None where no adapter can come: none is named, and no directory."""
        if self.lora_dir is None and not self.loras:
            return None
        return LoraOptions(self.lora_dir, self.max_loras, self.max_lora_rank, self.max_lora_bytes)

    @field_validator("loras")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(is_name(split_lora(item)[1]) for item in value):
            raise ValueError("must be [model/]name[=folder]")
        return value
