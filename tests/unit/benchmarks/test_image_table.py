from pathlib import Path

from benchmarks.image.picture import draw
from benchmarks.image.ratios import BARE, OURS, RATIOS, SERIAL, STATIC
from benchmarks.image.table import MEANING, markdown, meaning

FIGURES = {"requests": 100, "requests_per_s": 2.5, "goodput_per_s": 2.0, "median_s": 0.4}
FIGURES |= {"mean_s": 0.4567, "p95_s": 1.0, "p99_s": 1.5, "occupancy": None}
RESULT = {
    "command": "python -m benchmarks image",
    "machine": {"cpu": "A processor", "cores": 2, "memory_gib": 23.5},
    "versions": {"torch": "2", "diffusers": "1"},
    "rows": [
        {
            "operation": "setting",
            "model": "starter",
            "device": "cpu",
            "threads": 2,
            "guidance_scale": 2.0,
            "mixed_steps": [5, 10, 25],
            "uniform_steps": [10],
        },
        {"engine": SERIAL, "operation": "variant", "variant": "float32"},
        {"engine": STATIC, "operation": "variant", "variant": "bfloat16 channels_last"},
        *({"engine": engine, "load": "alternated", **FIGURES} for engine in (BARE, OURS)),
        *(
            {"engine": engine, "case": case, "load": "closed", "clients": clients, **FIGURES}
            for case in ("mixed", "uniform")
            for clients in (1, 8)
            for engine in (SERIAL, STATIC, OURS)
        ),
        {"engine": OURS, "case": "mixed", "load": "open", "part": 0.8, "offered_per_s": 1.234, **FIGURES},
        {"engine": OURS, "case": "uniform", "load": "open", "part": 0.8, "offered_per_s": 3, **FIGURES},
    ],
    "ratios": {
        "mixed_8_rate_to_static": {"value": 1.2, "goal": None, "better": "higher"},
        "single_to_bare_pipeline": {"value": 1.2, "goal": 1.05, "better": "lower"},
    },
}


def test_the_page_shows_every_load_and_what_was_aimed_at():
    page = markdown(RESULT)
    lines = page.splitlines()
    assert "bfloat16 channels_last for batches" in page and "100 requests a figure" in page
    assert f"| {SERIAL} | 1 client | 2.5 | 0.457 | 1 | 1.5 | – | 2 |" in lines
    assert f"| {OURS} | 0.8 of capacity, 1.23 a second | 2.5 | 0.457 | 1 | 1.5 | – | 2 |" in lines
    assert "**Steps that differ** (5 or 10 or 25); latencies in seconds:" in lines
    assert f"| {BARE} | 0.400 | 0.457 |" in lines
    assert "| mixed 8 rate to static | 1.2 | – | – |" in lines
    assert "| single to bare pipeline | 1.2 | ≤ 1.05 | no |" in lines


def test_ratios_are_put_in_words_and_none_is_forgotten():
    assert set(MEANING) <= {name for name, *_ in RATIOS}
    said = meaning({"ratios": {name: {"value": place + 0.5} for place, name in enumerate(MEANING)}})
    assert all(f"{place + 0.5:g}" in said for place in range(len(MEANING)))
    assert meaning(RESULT) == (
        "In short: 1.2 times those of static batching by steps; "
        "alone, a request takes 1.2 times as long as without a server."
    )


def test_the_picture_names_every_engine_that_loads_were_sent_to_and_is_the_same_each_time(tmp_path: Path):
    for name in ("one.svg", "two.svg"):
        draw(RESULT, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert all(engine in drawn for engine in (SERIAL, STATIC, OURS)) and BARE not in drawn
