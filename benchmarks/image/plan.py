"""What is measured with, and how much of it."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

MIXED, UNIFORM = (10, 20, 50), 20  # steps, before they are scaled
VARIANTS = {
    "cpu": ("float32", "float32 channels_last", "bfloat16", "bfloat16 channels_last"),
    "cuda": ("float16", "float16 channels_last", "bfloat16", "bfloat16 channels_last"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Steps that requests are drawn from, and loads: clients in closed loops, parts of capacity in open ones."""

    name: str
    steps: tuple[int, ...]
    clients: tuple[int, ...] = (1, 2, 4, 8, 16)
    parts: tuple[float, ...] = (0.5, 0.8, 1.2)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """What is measured with, and how much of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks image")
    parser.add_argument(
        "--model", default="starter", help="starter, tiny, small, sd15, or a StableDiffusionPipeline's folder"
    )
    parser.add_argument("--device", default="cpu", choices=VARIANTS)
    parser.add_argument("--requests", type=int, default=100, help="of each figure")
    parser.add_argument(
        "--scale", type=float, default=0.5, help="of the steps: {10, 20, 50}, and 20 where equal"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few of all, to see that it runs: figures mean nothing"
    )
    return parser.parse_args(
        arguments, argparse.Namespace(threads=int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    )


def cases(scale: float, *, quick: bool = False) -> tuple[Case, Case]:
    """Steps that differ, and steps that are equal."""
    mixed = tuple(max(1, round(steps * scale)) for steps in MIXED)
    uniform = (max(1, round(UNIFORM * scale)),)
    if quick:
        return Case("mixed", mixed, (1, 8), (0.8,)), Case("uniform", uniform, (1, 8), (0.8,))
    return Case("mixed", mixed), Case("uniform", uniform, parts=(0.8,))
