"""Files of weights in a component's directory."""

import re
from pathlib import Path

# Weights in one file or the index of several, of a variant or not, as diffusers and as transformers name them.
_WEIGHTS = re.compile(
    r"(diffusion_pytorch_)?model(\.(?P<one>\w+))?\.safetensors"
    r"|(diffusion_pytorch_)?model\.safetensors\.index(\.(?P<several>\w+))?\.json"
)


def find_variant(folder: Path) -> str | None:
    """The only variant of the safetensors weights in a directory; None where there are weights without one."""
    names = [path.name for path in sorted(folder.iterdir())] if folder.is_dir() else []
    variants = {match["one"] or match["several"] for match in map(_WEIGHTS.fullmatch, names) if match}
    if not variants:
        raise ValueError(f"its {folder.name} has no safetensors weights; others are not read")
    if None in variants:
        return None
    if len(variants) > 1:
        raise ValueError(
            f"its {folder.name} has several variants of its weights: {', '.join(sorted(variants))}"
        )
    return str(variants.pop())
