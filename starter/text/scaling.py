"""How loss falls with size, data and compute: `python -m starter.text.scaling train`, then `report`.

All sizes see the same batches in the same order at a constant learning rate with a short end; a size that was
interrupted goes on from its checkpoint. `save` writes a trained size as a model folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from benchmarks.report import machine, versions
from starter import folder
from starter.checkpoint import WARMUP

from . import heldout, scaling_report, tokenizer
from .evaluate import Judge
from .model import SIZES, Decoder, build, count
from .plan import Phase, Plan
from .train import corpus, train

HERE = Path(__file__).parent
WORK = HERE.parent / ".work"
DENSE = ("nano", "micro", "tiny", "lean", "default")  # what the laws are fitted to
COMPARED = ("lean", "mixture")  # equal in the parameters that a token passes
TRAINED = (*DENSE, "mixture")
SAVED = ("micro", "mixture")  # as folders: a model for tests, and one of experts
STEPS = 1500
COOLDOWN = 0.15
# The recipe's data grow harder, which would be taken for what more data do. Here they are alike from first to last.
ALIKE = (Phase(0.0, 0.1, replace(heldout.DRAW, held_out=False)),)
POINTS = 8


def plan_of(steps: int) -> Plan:
    """The recipe's plan at a constant rate and on data that do not change."""
    return Plan(steps, phases=ALIKE, cooldown=COOLDOWN)


def measured_at(steps: int) -> list[int]:
    """Steps after which held-out loss is taken: evenly in logarithms until the rate falls, and the last."""
    steady = int(steps * (1 - COOLDOWN))
    first = max(1, min(50, steady // 8))
    ratio = (steady / first) ** (1 / (POINTS - 1))
    return [*sorted({round(first * ratio**i) for i in range(POINTS)}), steps]


class Log:
    """Points of one size, kept in a file as they come."""

    def __init__(self, path: Path, size: str, steps: int, held_out: list[heldout.Batch]) -> None:
        self._path, self._held_out, self._plan = path, held_out, plan_of(steps)
        self._wanted = set(measured_at(steps))
        self._seconds: list[float] = []
        self._since = time.process_time()
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.record: dict[str, Any] = kept if kept.get("steps") == steps else {"size": size, "steps": steps}

    def __call__(self, done: int, model: Decoder) -> None:
        """Take the loss if it is time. Points that a resumed run passes again take the place of the old."""
        self._seconds.append(time.process_time() - self._since)
        if done in self._wanted:
            tokens = done * self._plan.batch_tokens
            point = {
                "step": done,
                "tokens": tokens,
                "flops": 6 * count(model).active * tokens,
                "steady": done <= self._plan.steps * (1 - COOLDOWN),
                **{name: round(loss, 4) for name, loss in heldout.losses(model, self._held_out).items()},
            }
            earlier = [p for p in self.record.get("points", []) if p["step"] < done]
            self.record["points"] = [*earlier, point]
            self.record["seconds_per_step"] = round(statistics.median(self._seconds), 3)
            self.write()
        self._since = time.process_time()

    def write(self) -> None:
        """Write the record."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self.record, indent=2) + "\n")
        partial.replace(self._path)


def few_shot(model: Decoder, vocabulary: PreTrainedTokenizerFast, prompts: int) -> dict[str, float]:
    """Share of right answers by shots, of tasks that training shows and of tasks that it never does."""
    judge = Judge(model, vocabulary)
    return {
        f"{'new' if held_out else 'trained'}_tasks_{shots}": judge.few_shot(
            shots, prompts, held_out_task=held_out
        )
        for held_out in (False, True)
        for shots in (0, 4)
    }


def study(
    work: Path,
    vocabulary: PreTrainedTokenizerFast,
    size: str,
    *,
    steps: int = STEPS,
    seed: int = 0,
    held_out: list[heldout.Batch] | None = None,
    prompts: int = 200,
) -> dict[str, Any]:
    """Train one size, or finish it, and return its record; a finished one is only read."""
    place = work / "scaling"
    log = Log(place / f"{size}.json", size, steps, held_out or heldout.batches(vocabulary))
    if "few_shot" in log.record:
        return log.record
    if "points" not in log.record:  # the checkpoint, if there is one, is of another plan
        (place / f"text-{size}.safetensors").unlink(missing_ok=True)
    log.record |= {
        "shape": asdict(SIZES[size]),
        "parameters": asdict(count(build(vocabulary, size))),
        "seed": seed,
        "plan": {"batch_tokens": plan_of(steps).batch_tokens, "cooldown": COOLDOWN, "warmup": WARMUP},
        "machine": machine() | {"threads": torch.get_num_threads()},
        "versions": {name: versions()[name] for name in ("python", "torch", "transformers")},
        "command": f"python -m starter.text.scaling train --steps {steps} --size {size}",
    }
    model = train(place, vocabulary, seed=seed, size=size, plan=plan_of(steps), observe=log)
    log.record |= {"few_shot": few_shot(model, vocabulary, prompts), "few_shot_prompts": prompts}
    log.write()
    return log.record


def save_trained(work: Path, vocabulary: PreTrainedTokenizerFast, size: str, out: Path) -> None:
    """Write a size that the study has trained as a model folder."""
    record = json.loads((work / "scaling" / f"{size}.json").read_text())
    plan = plan_of(record["steps"])
    model = train(work / "scaling", vocabulary, seed=record["seed"], size=size, plan=plan)
    folder.save(model, vocabulary, out)


def run_all(work: Path, seed: int) -> None:
    """Train every size, write what was found, and save those that are shipped."""
    vocabulary = tokenizer.train(corpus(seed))
    held_out = heldout.batches(vocabulary)
    for size in TRAINED:
        study(work, vocabulary, size, seed=seed, held_out=held_out)
    scaling_report.write(work / "scaling", DENSE, COMPARED)
    for size in SAVED:
        save_trained(work, vocabulary, size, HERE / size)


def main() -> None:
    """Train, report or save."""
    parser = argparse.ArgumentParser(prog="python -m starter.text.scaling", description=__doc__)
    parser.add_argument("action", choices=("train", "report", "save"))
    parser.add_argument("--size", choices=TRAINED, action="append", help="default: all")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=WORK, help="where checkpoints and points are kept")
    parser.add_argument("--out", type=Path, help="save: the folder; default: starter/text/SIZE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.action == "report":
        scaling_report.write(options.work / "scaling", DENSE, COMPARED)
        return
    vocabulary = tokenizer.train(corpus(0))
    if options.action == "save":
        for size in options.size or SAVED:
            save_trained(options.work, vocabulary, size, options.out or HERE / size)
        return
    held_out = heldout.batches(vocabulary)
    for size in options.size or TRAINED:
        study(options.work, vocabulary, size, steps=options.steps, held_out=held_out)


if __name__ == "__main__":
    main()
