"""LiteLLM's proxy, as its manual starts it: one worker, one model, no database, in an environment of its own."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quadrille_cli.stack import Ports

from benchmarks.load.doors import wait_ready
from benchmarks.text.engines import Absent, Peer, started

PEER = Peer(
    "litellm proxy",
    "",
    environment=".venv-bench-litellm",
    variables={
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the internet for prices
        "LITELLM_LOG": "ERROR",
        "DO_NOT_TRACK": "1",
    },
)
CONFIG = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "{url}", api_key: none}}
litellm_settings: {{telemetry: false, drop_params: false, num_retries: 0, request_timeout: 600}}
"""


@contextmanager
def proxied(model: str, url: str, scratch: Path) -> Iterator[tuple[str, str, int]]:
    """A proxy before `url`: its own API, the key to it, and its process. Raises Absent when it does not serve."""
    if not PEER.python.exists():
        raise Absent(f"{PEER.environment} is missing: make bench-peers")
    config, log, port = scratch / "litellm.yaml", scratch / "litellm.log", Ports.free().http
    config.write_text(CONFIG.format(model=model, url=url))
    key = f"sk-{secrets.token_hex(32)}"  # it does not start without
    peer = replace(PEER, variables=PEER.variables | {"LITELLM_MASTER_KEY": key})
    command = str(PEER.python.with_name("litellm"))
    arguments = (
        command,
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--num_workers",
        "1",
    )
    with log.open("wb") as output, started(peer, arguments, output) as process:
        wait_ready(process, f"http://127.0.0.1:{port}/health/liveliness", log)
        yield f"http://127.0.0.1:{port}/v1/", key, process.pid
