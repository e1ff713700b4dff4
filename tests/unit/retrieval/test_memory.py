"""In processes of their own: an allocator's settings and holes are all of a process."""

import subprocess
import sys
from pathlib import Path

SERVICES = Path(__file__).resolve().parents[3] / "services"
C = """
import ctypes, re
from pathlib import Path
from retrieval.memory import give_back, map_large_blocks
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def made(size):
    block = libc.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    return block
def resident():
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
MiB = 1 << 20
def advised():
    parts = Path("/proc/self/smaps").read_text().split("VmFlags:")
    sizes = [1024 * int(re.findall(r"^Size:\\s+(\\d+)", part, re.M)[0]) for part in parts[:-1]]
    return sum(size for size, flags in zip(sizes, parts[1:]) if " hg" in flags.splitlines()[0])
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", C + code], check=True, env={"PYTHONPATH": str(SERVICES)})


def test_large_blocks_go_when_they_are_freed() -> None:
    run("""
map_large_blocks()
libc.free(made(24 * MiB))  # glibc would map no block of less than this from now on
before, blocks = resident(), [made(4 * MiB) for _ in range(8)]
for block in blocks[:-1]:  # the last would keep the others from being given back
    libc.free(block)
assert resident() - before < 12 * MiB, resident() - before
""")


def test_holes_between_small_blocks_are_given_back() -> None:
    run("""
blocks = [made(64 << 10) for _ in range(1024)]
for block in blocks[:-1]:
    libc.free(block)
before = resident()
give_back()
assert before - resident() > 48 * MiB, before - resident()
""")


def test_a_block_is_put_into_large_pages_but_for_its_ends() -> None:
    run("""
from retrieval.memory import use_large_pages
block = made(16 * MiB)
ctypes.memset(block, 7, 16 * MiB)
assert advised() == 0
use_large_pages(block, MiB)
assert advised() == 0
use_large_pages(block, 16 * MiB)
assert 12 * MiB <= advised() <= 16 * MiB, advised()
assert ctypes.string_at(block, 16 * MiB) == bytes([7]) * (16 * MiB)
""")


def test_graphs_are_in_large_pages_when_built_and_when_read() -> None:
    run("""
import tempfile
import numpy as np
from retrieval.domain import CollectionSpec, Hnsw, IndexKind
from retrieval.index.kinds import FaissKind
kind = FaissKind(CollectionSpec("c", 2048, index=IndexKind.HNSW, options=Hnsw(m=4, ef_construction=8)))
vectors = np.random.default_rng(0).standard_normal((1024, 2048), dtype=np.float32)
segment = kind.build(vectors)
built = advised()
assert built >= 6 * MiB, built
with tempfile.TemporaryDirectory() as folder:
    segment.write(Path(folder, "s"))
    again = kind.read(Path(folder, "s"))
assert advised() - built >= 6 * MiB, advised()
assert np.array_equal(again.vectors(np.arange(1024)), vectors)
""")
