from benchmarks.text.gpu import ratios
from benchmarks.text.gpu_table import markdown
from benchmarks.text.ratios import IN_PROCESS, OURS, TRANSFORMERS, WHOLE

ROWS = [
    {
        "operation": "device",
        "device": "GPU",
        "copied_gb_per_s": 3000,
        "weights_gb": 2.5,
    },
    *(
        {"engine": engine, "operation": "generate", "streams": 1, "tokens_per_s": rate}
        for engine, rate in (
            (IN_PROCESS, 600.0),
            (TRANSFORMERS[0], 50.0),
            (OURS, 400.0),
            (OURS + WHOLE, 540.0),
        )
    ),
    {"engine": TRANSFORMERS[1], "operation": "generate", "absent": "it failed"},
]


def test_ratios_are_to_those_that_were_measured():
    assert {name: ratio.value for name, ratio in ratios(ROWS).items()} == {
        "grpc_1_to_transformers_generate": 8.0,
        "in_process_1_to_transformers_generate": 12.0,
        "grpc_whole_1_to_in_process": 0.9,
        "1_weights_read_to_copy_rate": 0.5,
    }


def test_the_page_has_a_row_an_engine_and_says_who_is_absent():
    machine = {"cpu": "CPU", "cores": 1, "memory_gib": 1.0}
    versions = {"torch": "2", "transformers": "5"}
    told = {name: vars_of(ratio) for name, ratio in ratios(ROWS).items()}
    result = {"command": "x", "machine": machine, "versions": versions, "rows": ROWS, "ratios": told}
    page = markdown(result)
    assert f"| {TRANSFORMERS[0]} | 50 |" in page
    assert f"{TRANSFORMERS[1]} is absent: it failed." in page


def vars_of(ratio):
    return {"value": ratio.value, "goal": ratio.goal, "better": ratio.better}
