import pytest
from imagegen.testing import save_tiny_pipeline

from benchmarks.image.measure import measure
from benchmarks.image.plan import cases, options
from benchmarks.image.ratios import BARE, OURS, PADDED, SERIAL, STATIC
from benchmarks.image.table import engines, measured


def test_steps_are_scaled_and_never_none():
    mixed, uniform = cases(options([]))
    assert (mixed.steps, uniform.steps) == ((5, 10, 25), (10,))
    assert cases(options(["--scale", "0.01"]))[0].steps == (1, 1, 1)


def test_what_a_request_takes_alone_is_always_measured(capsys):
    with pytest.raises(SystemExit):
        options(["--clients", "8"])
    assert "1 must be among them" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_engine_has_every_load(tmp_path):
    report = measure(["--model", str(save_tiny_pipeline(tmp_path / "tiny")), "--quick"])
    result = {"rows": report.rows}
    assert engines(result)[:4] == [SERIAL, STATIC, PADDED, OURS]
    for case, without in (("mixed", set()), ("uniform", {PADDED})):
        for engine in {SERIAL, STATIC, PADDED, OURS} - without:
            loads = [
                row.get("clients", row.get("part"))
                for row in measured(result, case)
                if row["engine"] == engine
            ]
            assert loads == [1, 8, 0.8]
    assert all(row["failed"] == 0 for row in report.rows if "failed" in row)
    assert [row["engine"] for row in report.rows if row.get("load") == "alternated"] == [BARE, OURS]
    assert {"uniform_8_rate_to_static", "mixed_0.8_latency_to_static", "single_to_bare_pipeline"} <= set(
        report.ratios
    )
