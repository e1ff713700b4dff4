"""Have promtool check the configuration, the rules and their tests, and parse every expression of the dashboards."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARDS = ROOT / "deploy/grafana/dashboards"
VARIABLES = {"$__rate_interval": "5m", "$model": ".*"}


def main() -> None:
    """Exit 1 when promtool is missing or finds anything wrong."""
    if shutil.which("promtool") is None:
        sys.exit(
            "promtool is not installed; it comes with Prometheus (Debian and Ubuntu: apt install prometheus)"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"groups": [{"name": "dashboards", "rules": _dashboard_rules()}]}, file)
        file.flush()
        for command in (
            ["check", "config", str(PROMETHEUS / "prometheus.yml")],
            ["check", "rules", file.name],
            ["test", "rules", *map(str, sorted((PROMETHEUS / "tests").glob("*.yml")))],
        ):
            if subprocess.run(["promtool", *command], check=False).returncode:
                sys.exit(1)


def _dashboard_rules() -> list[dict[str, str]]:
    """A recording rule an expression, named after its place, because promtool parses rules."""
    rules = []
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"]
                for variable, value in VARIABLES.items():
                    expression = expression.replace(variable, value)
                name = f"{path.stem}:panel_{panel['id']}:{target['refId']}"
                rules.append({"record": name, "expr": expression})
    return rules


if __name__ == "__main__":
    main()
