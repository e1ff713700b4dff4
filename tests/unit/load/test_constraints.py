from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_versions_are_those_of_the_project_where_both_pin_a_package():
    ours, root = (pins(ROOT / path) for path in ("tests/load/constraints.txt", "constraints.txt"))
    assert {"locust", "gevent", "grpcio", "protobuf"} <= set(ours)
    assert {name: ours[name] for name in set(ours) & set(root)} == {
        name: root[name] for name in set(ours) & set(root)
    }


def pins(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name.lower(): version for name, version in (line.split("==") for line in lines)}
