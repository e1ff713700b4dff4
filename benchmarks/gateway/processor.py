"""Processor time of a process and of those that it started."""

from contextlib import suppress

import psutil


def seconds(pid: int) -> float:
    """User and system seconds until now, of those that live."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
