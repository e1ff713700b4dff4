from textgen.energy import open_meter


def domain(root, name, joules, span=1000):
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(f"{round(joules * 1e6)}\n")
    (folder / "max_energy_range_uj").write_text(f"{span * 10**6}\n")


def test_packages_are_summed_and_their_parts_are_not(tmp_path) -> None:
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        domain(tmp_path, name, 10)
    meter = open_meter(tmp_path)
    assert meter is not None
    for name, joules in (("intel-rapl:0", 12), ("intel-rapl:1", 13.5), ("intel-rapl:0:0", 500)):
        domain(tmp_path, name, joules)
    assert meter.joules() == 5.5
    assert meter.joules() == 0


def test_a_counter_that_wraps_is_counted_on(tmp_path) -> None:
    domain(tmp_path, "intel-rapl:0", 990)
    meter = open_meter(tmp_path)
    assert meter is not None
    domain(tmp_path, "intel-rapl:0", 5)
    assert meter.joules() == 15


def test_no_meter_is_no_error(tmp_path) -> None:
    assert open_meter(tmp_path) is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert open_meter(tmp_path) is None
