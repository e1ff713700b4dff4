"""The servers under load, each through its own door: ours over gRPC by the SDK, vLLM's over HTTP by OpenAI's."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openai import AsyncOpenAI
from quadrille_cli.stack import Ports
from quadrille_client import AsyncClient
from quadrille_client.types.text import Delta

from benchmarks.load.arrivals import Arrival
from benchmarks.peers.own_engine import MODEL
from benchmarks.peers.protocol import STREAMS
from benchmarks.text.engines import Absent, Peer, started

Ask = Callable[[Arrival], AsyncIterator[int]]  # tokens, as many at a time as come
READY_S = 600  # vLLM compiles
VLLM_OPTIONS = ("--dtype", "bfloat16", "--max-model-len", "2048", "--max-num-seqs", str(max(STREAMS)))


def through_sdk(client: AsyncClient) -> Ask:
    """Ask our server."""

    async def ask(arrival: Arrival) -> AsyncIterator[int]:
        stream = client.stream_generate(
            arrival.prompt, model=MODEL, max_tokens=arrival.tokens, temperature=0, ignore_eos=True
        )
        async with stream as events:
            async for event in events:
                if isinstance(event, Delta):
                    yield len(event.token_ids)

    return ask


def through_openai(client: AsyncOpenAI) -> Ask:
    """Ask a server of OpenAI's completions."""

    async def ask(arrival: Arrival) -> AsyncIterator[int]:
        stream = await client.completions.create(
            model=MODEL,
            prompt=list(arrival.prompt),
            max_tokens=arrival.tokens,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        )
        seen = 0
        async for chunk in stream:
            if chunk.choices:
                seen += 1
                yield 1
            elif chunk.usage is not None:  # the last; a chunk may have held several tokens
                yield chunk.usage.completion_tokens - seen

    return ask


@contextmanager
def vllm_served(peer: Peer, folder: Path, log: Path) -> Iterator[str]:
    """vLLM's server over the model: where its API is. Raises Absent when it is not installed or does not serve."""
    if not peer.python.exists():
        raise Absent(f"{peer.environment} is missing: make bench-peers")
    port = Ports.free().http
    # `vllm serve` asks for metadata of a package that is named otherwise here; this is what it runs.
    module = ("-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port))
    arguments = (*module, "--model", str(folder), "--served-model-name", MODEL, *VLLM_OPTIONS)
    with log.open("wb") as output, started(peer, arguments, output) as process:
        wait_ready(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"


def wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return once `url` answers. Raises Absent when the process ends before, or takes too long."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise Absent(f"its server ended: {log.read_text(errors='replace').splitlines()[-1]}")
        try:
            with opener.open(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise Absent(f"its server did not serve within {READY_S} s")
