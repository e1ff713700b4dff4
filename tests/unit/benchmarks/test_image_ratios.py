from benchmarks.image.ratios import BARE, OURS, PADDED, SERIAL, STATIC, ratios

CLOSED = {"load": "closed", "clients": 8}
OPEN = {"load": "open", "part": 0.8}


def row(engine, case, where, **figures):
    return {"engine": engine, "case": case, **where, **figures}


def test_ours_is_divided_by_the_peer_where_both_had_the_same_load():
    found = ratios(
        [
            row(OURS, "uniform", CLOSED, requests_per_s=3.0),
            row(STATIC, "uniform", {**CLOSED, "clients": 16}, requests_per_s=9.0),
            row(STATIC, "uniform", CLOSED, requests_per_s=2.0),
            row(OURS, "mixed", OPEN, mean_s=1.0, p99_s=6.0),
            row(STATIC, "mixed", OPEN, mean_s=2.0, p99_s=3.0),
            row(PADDED, "mixed", OPEN, mean_s=4.0, p99_s=3.0),
            {"engine": OURS, "load": "alternated", "median_s": 1.02},
            {"engine": BARE, "load": "alternated", "median_s": 1.0},
        ]
    )
    assert (found["uniform_8_rate_to_static"].value, found["uniform_8_rate_to_static"].goal) == (1.5, 0.95)
    assert found["mixed_0.8_latency_to_static"].value == 0.5
    assert found["mixed_0.8_latency_to_padded"].value == 0.25
    assert (found["mixed_0.8_p99_to_static"].value, found["mixed_0.8_p99_to_static"].goal) == (2.0, None)
    assert (found["single_to_bare_pipeline"].value, found["single_to_bare_pipeline"].better) == (
        1.02,
        "lower",
    )


def test_without_the_peer_there_is_no_ratio():
    assert ratios([row(OURS, "mixed", CLOSED, requests_per_s=3.0)]) == {}


def test_only_a_small_model_on_a_gpu_has_a_goal_beside_one_by_one():
    rows = [
        row(OURS, "mixed", CLOSED, requests_per_s=6.0),
        row(SERIAL, "mixed", CLOSED, requests_per_s=2.0),
    ]
    assert ratios(rows)["mixed_8_rate_to_one_by_one"].goal is None
    assert ratios(rows, small_on_a_gpu=True)["mixed_8_rate_to_one_by_one"].goal == 3.0
