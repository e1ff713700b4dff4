from typing import Any

import pytest

from benchmarks.gateway.litellm_proxy import PEER
from benchmarks.gateway.overload import row as overload_row
from benchmarks.gateway.ratios import DIRECT, GRPC, HTTP, STREAMED, WHOLE, ratios
from benchmarks.gateway.summary import summary
from benchmarks.gateway.table import markdown
from benchmarks.load.goodput import Outcome

GOOD, SLOW, REFUSED = Outcome(0.1, 0.41, 32), Outcome(3.0, 3.4, 32), Outcome(None, 0.004, 0)


def streams(engine: str, count: int = 16, **changed: Any) -> dict[str, Any]:
    row = summary([GOOD] * 10, 1.0, 0.5)
    return {"engine": engine, "operation": STREAMED, "streams": count, **row, **changed}


def overload(part: float, goodput: float) -> dict[str, Any]:
    row = overload_row([GOOD, REFUSED], 10.0, 1.0)
    return {"engine": GRPC, "operation": "overload", "part": part, **row, "goodput_per_s": goodput}


SETTING = {"operation": "setting", "streams": [16]}


def test_a_doors_work_is_told_by_request_and_by_core() -> None:
    found = summary([GOOD, GOOD, REFUSED], 2.0, 0.5)
    assert found["requests"] == 3
    assert found["failed"] == 1
    assert found["requests_per_s"] == 1.0
    assert found["tokens_per_s"] == 32.0
    assert found["processor_ms"] == 250.0
    assert found["requests_per_core_s"] == 4.0
    assert found["ttft_p50_ms"] == 100.0
    assert found["between_p50_ms"] == 10.0
    assert found["whole_p99_ms"] == 410.0


def test_what_answers_nothing_has_no_times() -> None:
    found = summary([REFUSED], 1.0, 0.0)
    assert found["ttft_p50_ms"] is None
    assert found["requests_per_core_s"] is None


def test_goodput_counts_what_came_in_time_and_refusals_have_times_of_their_own() -> None:
    found = overload_row([GOOD, GOOD, SLOW, REFUSED], 10.0, 2.0)
    assert found["goodput_per_s"] == 1.0
    assert found["refused"] == 1
    assert found["refusal_p99_ms"] == 4.0
    assert overload_row([GOOD], 1.0, 1.0)["refusal_p50_ms"] is None


def test_the_gateway_is_compared_with_the_service_and_with_the_peer() -> None:
    rows = [
        SETTING,
        streams(DIRECT, requests_per_s=10.0),
        streams(GRPC, requests_per_s=9.5),
        streams(HTTP, requests_per_core_s=300.0, whole_p99_ms=60.0),
        streams(PEER.name, requests_per_core_s=50.0, whole_p99_ms=80.0),
        overload(1.0, 20.0),
        overload(5.0, 19.0),
    ]
    found = ratios(rows)
    assert found["streamed_16_rate_to_direct"].value == 0.95
    assert found["streamed_16_per_core_to_litellm"].value == 6.0
    assert found["streamed_16_p99_to_litellm"].value == 0.75
    assert found["goodput_at_5_times_to_peak"].value == 0.95


def test_an_absent_peer_leaves_its_ratios_out() -> None:
    absent = {"engine": PEER.name, "operation": STREAMED, "absent": "not installed"}
    found = ratios([SETTING, streams(DIRECT), streams(GRPC), streams(HTTP), absent])
    assert list(found) == ["streamed_16_rate_to_direct"]


@pytest.mark.parametrize("loads", [[], [overload(5.0, 19.0)]])
def test_a_page_tells_what_a_door_adds(loads: list[dict[str, Any]]) -> None:
    whole = streams(DIRECT, operation=WHOLE)
    result = {
        "command": "python -m benchmarks gateway",
        "machine": {"cpu": "some", "cores": 2, "memory_gib": 24},
        "versions": {"torch": "2", "grpcio": "1"},
        "rows": [SETTING, streams(DIRECT), streams(GRPC, ttft_p50_ms=101.5), whole, *loads],
        "ratios": {},
    }
    page = markdown(result)
    assert f"| {GRPC} | 16 | 101.5 (+1.5) |" in page
    assert f"| {DIRECT} | 16 | 100.0 |" in page
    assert f"| {DIRECT} | 16 | 410.0 |" in page
    assert ("beyond what can be done" in page) is bool(loads)
