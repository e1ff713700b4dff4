"""Trains the image models stage by stage: `python -m starter.image vae readers ...` at the repository's root.

Without stages it runs all but `peek`, which measures unfinished denoisers. Once `latents` is done, `unet`,
`transformer`, `gan` and `classifier` may run side by side.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .stages import HERE, STAGES, Run, run_all


def main() -> None:
    """Run the stages that are asked for, in the order given."""
    parser = argparse.ArgumentParser(prog="python -m starter.image", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="stage", help=f"of {', '.join(STAGES)}; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=HERE.parent / ".work", help="where checkpoints are kept")
    parser.add_argument("--out", type=Path, default=HERE, help="where the models go")
    options = parser.parse_args()
    if unknown := set(options.stages) - set(STAGES):
        parser.error(f"unknown stage: {', '.join(sorted(unknown))}")
    torch.set_num_threads(options.threads)
    run = Run(options.work, options.out, options.seed)
    if not options.stages:
        run_all(run)
    for name in options.stages:
        STAGES[name](run)


if __name__ == "__main__":
    main()
