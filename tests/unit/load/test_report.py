import math

import pytest


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 5), (51, 6), (95, 10), (99, 10), (100, 10)])
def test_percentiles_are_by_nearest_rank(report, percent, value):
    assert report.percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_nothing_has_no_percentile(report):
    assert math.isnan(report.percentile([], 50))


def test_the_table_has_a_row_a_request_and_latencies_of_what_succeeded(report):
    results = report.Results()
    results.samples += [report.Sample("http", "chat", n / 100, first_s=n / 1000) for n in range(1, 101)]
    results.samples += [report.Sample("http", "chat", 60.0, error="HTTP 503")] * 2
    results.samples.append(report.Sample("rag", "ask", 30.0, error="UNAVAILABLE"))
    results.unsent.update([("rag", "ask"), ("image", "generate")])
    lines = [line.split() for line in report.table(results, seconds=50).splitlines()]
    assert lines[1:] == [
        ["http", "chat", "2.00", "100", "2", "0", "500", "950", "990", "95"],
        ["image", "generate", "0.00", "0", "0", "1", "-", "-", "-", "-"],
        ["rag", "ask", "0.00", "0", "1", "1", "-", "-", "-", "-"],
        ["2", "x", "http", "chat:", "HTTP", "503"],
        ["1", "x", "rag", "ask:", "UNAVAILABLE"],
    ]
    assert len({len(line) for line in report.table(results, 50).splitlines()[:4]}) == 1


@pytest.mark.parametrize(
    ("fine", "failed", "problem"),
    [
        (99, 1, None),
        (98, 2, "2 of 100 requests failed, more than 1.0%"),
        (0, 3, "nothing was served: 3 requests were sent and none succeeded"),
        (0, 0, "nothing was served: 0 requests were sent and none succeeded"),
    ],
)
def test_a_run_fails_by_its_error_rate_or_when_nothing_was_served(report, fine, failed, problem):
    samples = [report.Sample("k", "r", 1.0)] * fine + [report.Sample("k", "r", 1.0, error="x")] * failed
    assert report.Results(samples).problem(0.01) == problem
