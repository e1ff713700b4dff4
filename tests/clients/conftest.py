"""Tests of other people's clients, collected where run.py tells of a stack: make test-clients."""

import os

import pytest

collect_ignore_glob = [] if "QUADRILLE_HTTP" in os.environ else ["*/test_*.py"]


@pytest.fixture(scope="session")
def base_url():
    """What OpenAI's clients call their base URL."""
    return f"{os.environ['QUADRILLE_HTTP']}/v1"
