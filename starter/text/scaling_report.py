"""The scaling study's JSON, page and picture; every figure of the page is read from the JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from . import scaling_analysis, scaling_plot
from .encoding import CONTEXT_WEIGHT, PROSE_WEIGHT, SHOT_WEIGHT
from .scaling_analysis import FIT_FROM, Record
from .train import PLAIN_SHARE

HERE = Path(__file__).parent
TEMPLATE = HERE / "scaling.md.template"
NAMES = {
    "irreducible": "irreducible loss E",
    "a": "A",
    "alpha": "exponent of size α",
    "b": "B",
    "beta": "exponent of data β",
    "size_share": "exponent of compute of the best size",
    "exponent": "exponent of compute of the loss",
}


def gather(place: Path, known: dict[str, Record], dense: Sequence[str], compared: Sequence[str]) -> Record:
    """The study so far: finished records in `place`, else those `known`, with what is fitted to them."""
    sizes = dict(known)
    for name in (*dense, *compared):
        path = place / f"{name}.json"
        record = json.loads(path.read_text()) if path.exists() else {}
        if "few_shot" in record:
            sizes[name] = record
    missing = [name for name in (*dense, *compared) if name not in sizes]
    if missing:
        raise SystemExit(f"not trained yet: {', '.join(missing)}")
    if len({(record["steps"], record["seed"]) for record in sizes.values()}) > 1:
        raise SystemExit("sizes are of different plans: train them with the same --steps")
    lean, mixture = compared
    others = {name: sizes[name] for name in (lean, dense[-1])}
    return {
        "sizes": {name: sizes[name] for name in (*dense, *compared)},
        "dense": list(dense),
        "compared": list(compared),
        "fit": scaling_analysis.laws([sizes[name] for name in dense]),
        "prose_fit": scaling_analysis.laws([sizes[name] for name in dense], of="prose"),
        "equal_compute": scaling_analysis.equal_compute(sizes[mixture], others),
    }


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figures(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "–"
    if abs(value) < 1e-9:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{float(f'{value:.{digits}g}'):,.10g}"


def _tables(study: Record) -> dict[str, str]:
    sizes, fit = study["sizes"], study["fit"]
    steps = [point["step"] for point in next(iter(sizes.values()))["points"]]
    runs, curves, shots = [], [], []
    for name, record in sizes.items():
        shape, parameters, last = record["shape"], record["parameters"], record["points"][-1]
        drawn = f"{shape['layers']} × {shape['width']}, {shape['heads']} heads"
        experts = f", {shape['experts']} experts" if shape["experts"] else ""
        counts = [f"{parameters[kind]:,}" for kind in ("all", "without_embeddings", "active")]
        ends = [f"{last[kind]:.3f}" for kind in ("loss", "answers", "prose")]
        runs.append(
            [name, drawn + experts, *counts, f"{last['flops']:.2e}", str(record["seconds_per_step"]), *ends]
        )
        curves.append([name, *(f"{point['loss']:.3f}" for point in record["points"])])
        shots.append([name, *(f"{share:g}" for share in record["few_shot"].values())])
    heads = ["size", "shape", "parameters", "without embeddings", "active", "FLOPs", "s/step"]
    compared = [name for name in study["equal_compute"][0] if name != "flops"]
    return {
        "sizes": table([*heads, "loss", "answers", "prose"], runs),
        "curves": table(["size", *map(str, steps)], curves),
        "few_shot": table(
            ["size", *(name.replace("_", " ") + " shots" for name in record["few_shot"])], shots
        ),
        "equal_compute": table(
            ["FLOPs", *compared],
            [
                [f"{row['flops']:.2e}", *(_figures(row[name], 4) for name in compared)]
                for row in study["equal_compute"]
            ],
        ),
        "ranges": table(
            ["", "fitted", "90 % range"],
            [
                [
                    words,
                    _figures((fit["law"] | fit["frontier"])[key]),
                    " to ".join(_figures(end) for end in fit["ranges"][key]),
                ]
                for key, words in NAMES.items()
            ],
        ),
    }


def _prose(fit: Record) -> dict[str, str]:
    """What the page says of the law of prose."""
    told = {
        f"prose_{name}": _figures(fit["law"][name]) for name in ("irreducible", "a", "alpha", "b", "beta")
    }
    for name in ("irreducible", "alpha", "beta"):
        told[f"prose_{name}_range"] = " to ".join(_figures(end) for end in fit["ranges"][name])
    quality = fit["law_quality"]
    return told | {
        "prose_r2": f"{quality['r_squared']:.4f}",
        "prose_rms": f"{quality['rms_residual']:.2%}",
        "prose_largest": f"{quality['largest_residual']:.2%}",
    }


def _verdict(row: dict[str, Any], lean: str) -> str:
    less = 1 - row["mixture"] / row[lean]
    way = "lower" if less > 0 else "higher"
    return f"At {row['flops']:.2e} FLOPs the mixture's loss is {abs(less):.1%} {way} than that of `{lean}`."


def _embedded(record: Record) -> float:
    return 1 - float(record["parameters"]["without_embeddings"] / record["parameters"]["all"])


def render(study: Record) -> str:
    """The page."""
    sizes, fit = study["sizes"], study["fit"]
    dense = [sizes[name] for name in study["dense"]]
    lean, mixture = (sizes[name] for name in study["compared"])
    record, points = dense[0], scaling_analysis.fitted_points(dense[0])
    last = record["points"][-1]
    tokens, prompts, plan = last["tokens"], record["few_shot_prompts"], record["plan"]
    law, line = fit["law"], fit["frontier"]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        _tables(study),
        dense_count=len(dense),
        smallest=f"{dense[0]['parameters']['all']:,}",
        largest=f"{dense[-1]['parameters']['all']:,}",
        steps=record["steps"],
        batch_tokens=f"{plan['batch_tokens']:,}",
        tokens=f"{tokens:,}",
        seed=record["seed"],
        machine=f"{record['machine']['cpu']}, {record['machine']['threads']} thread",
        versions=", ".join(f"{name} {number}" for name, number in record["versions"].items()),
        shot_weight=SHOT_WEIGHT,
        prose_weight=PROSE_WEIGHT,
        context_weight=CONTEXT_WEIGHT,
        plain_share=PLAIN_SHARE,
        warmup=plan["warmup"],
        cooldown=f"{plan['cooldown']:.0%}",
        fit_from=FIT_FROM,
        **{name: _figures(law[name]) for name in ("irreducible", "a", "alpha", "b", "beta", "size_share")},
        **_prose(study["prose_fit"]),
        law_points=fit["law_quality"]["points"],
        law_r2=f"{fit['law_quality']['r_squared']:.4f}",
        law_rms=f"{fit['law_quality']['rms_residual']:.2%}",
        law_largest=f"{fit['law_quality']['largest_residual']:.2%}",
        resamples=fit["resamples"],
        frontier_points=fit["frontier_quality"]["points"],
        scale=_figures(line["scale"]),
        exponent=_figures(line["exponent"]),
        frontier_r2=f"{fit['frontier_quality']['r_squared']:.4f}",
        frontier_rms=f"{fit['frontier_quality']['rms_residual']:.2%}",
        tenfold=f"{1 - 10 ** -line['exponent']:.0%}",
        prompts=prompts,
        standard_error=f"{(0.25 / prompts) ** 0.5:.3f}",
        mixture_experts=mixture["shape"]["experts"],
        mixture_all=f"{mixture['parameters']['all']:,}",
        mixture_active=f"{mixture['parameters']['active']:,}",
        lean_all=f"{lean['parameters']['all']:,}",
        verdict=_verdict(study["equal_compute"][-1], study["compared"][0]),
        slowdown=f"{mixture['seconds_per_step'] / lean['seconds_per_step']:.1f}",
        embedded=f"{_embedded(dense[0]):.0%}",
        embedded_largest=f"{_embedded(dense[-1]):.0%}",
        data_range=f"{points[-1]['tokens'] / points[0]['tokens']:.0f}",
        size_range=f"{dense[-1]['parameters']['all'] / dense[0]['parameters']['all']:.0f}",
    )


def write(place: Path, dense: Sequence[str], compared: Sequence[str], out: Path = HERE.parent) -> None:
    """Bring `text/scaling.json`, `SCALING.md` and `scaling.svg` under `out` up to date with the records."""
    path = out / "text" / "scaling.json"
    known = json.loads(path.read_text())["sizes"] if path.exists() else {}
    study = gather(place, known, dense, compared)
    path.write_text(json.dumps(study, indent=2) + "\n", encoding="utf-8")
    (out / "SCALING.md").write_text(render(study), encoding="utf-8")
    scaling_plot.draw(study, out / "scaling.svg")
