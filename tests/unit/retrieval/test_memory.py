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
