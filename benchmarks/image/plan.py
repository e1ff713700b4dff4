"""What is measured with, and how much of it."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

MIXED, UNIFORM = (10, 20, 50), 20  # steps, before they are scaled
CLIENTS, PARTS, UNIFORM_PART = (1, 2, 4, 8, 16), (0.5, 0.8, 1.2), 0.8
VARIANTS = {
    "cpu": ("float32", "float32 channels_last", "bfloat16", "bfloat16 channels_last"),
    "cuda": ("float16", "float16 channels_last", "bfloat16", "bfloat16 channels_last"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Steps that requests are drawn from, and loads: clients in closed loops, parts of capacity in open ones."""

    name: str
    steps: tuple[int, ...]
    clients: tuple[int, ...]
    parts: tuple[float, ...]


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
        "--clients", type=int, nargs="+", default=CLIENTS, help="of closed loops; 8 is compared"
    )
    parser.add_argument("--parts", type=float, nargs="*", default=PARTS, help="of capacity, in open loops")
    parser.add_argument(
        "--variants", nargs="+", help="number types and layouts that peers may try; all unless named"
    )
    parser.add_argument("--only-mixed", action="store_true", help="leave out the case of equal steps")
    parser.add_argument(
        "--quick", action="store_true", help="few of all, to see that it runs: figures mean nothing"
    )
    asked = parser.parse_args(arguments)
    if 1 not in asked.clients:
        parser.error(
            "--clients: 1 must be among them; what is in time is told by how long a request takes alone"
        )
    asked.threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    if asked.quick:
        asked.scale, asked.requests, asked.clients, asked.parts = 0.2, 8, (1, 8), (UNIFORM_PART,)
    return asked


def cases(asked: argparse.Namespace) -> tuple[Case, ...]:
    """Steps that differ, and steps that are equal."""
    clients, parts = tuple(asked.clients), tuple(asked.parts)
    mixed = Case("mixed", tuple(max(1, round(steps * asked.scale)) for steps in MIXED), clients, parts)
    if asked.only_mixed:
        return (mixed,)
    equal = tuple(part for part in parts if part == UNIFORM_PART)
    return mixed, Case("uniform", (equal_steps(asked.scale),), clients, equal)


def equal_steps(scale: float) -> int:
    """Steps where all take as many."""
    return max(1, round(UNIFORM * scale))
