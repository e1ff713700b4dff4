"""Schemathesis: the HTTP door does what its OpenAPI description says, whatever it is sent."""

import os
import re
import subprocess
import sys
from pathlib import Path

# What fits the description may still be refused: which models there are and how long their contexts are, it cannot say.
EXCLUDED = "positive_data_acceptance"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


def test_nothing_that_is_sent_finds_the_description_wrong(tmp_path):
    address = f"{os.environ['QUADRILLE_HTTP']}/openapi.json"
    options = ("--checks", "all", "--exclude-checks", EXCLUDED, "--max-examples", "10", "--seed", "1")
    command = [SCHEMATHESIS, "run", address, *options, "--no-color", "--request-timeout", "60"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"Operations: +(\d+) selected / \1 total", result.stdout), result.stdout
