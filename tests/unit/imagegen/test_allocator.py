import subprocess
import sys

PASSES = """
import ctypes, resource, threading
from imagegen.allocator import keep_pages
{before}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def work():
    for passes in range(20):
        blocks = [libc.malloc(4 << 20) for _ in range(4)]
        for block in blocks:
            ctypes.memset(block, 1, 4 << 20)
        if passes == 1:
            begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for block in blocks:
            libc.free(block)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun)

device = threading.Thread(target=work)
device.start()
device.join()
"""


def test_a_pass_finds_the_pages_of_the_last():
    def faults(before):
        command = [sys.executable, "-c", PASSES.format(before=before)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("keep_pages()") < 100 < 1000 < faults("")
