"""One of our services as users run it: a process of its own."""

import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille_cli.stack import Ports, Service, Stack

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Running:
    """Where a service that serves is."""

    pid: int
    address: str
    metrics_url: str

    def counted(self, name: str) -> int:
        """A counter of it, over all labels."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.metrics_url) as response:
            lines = response.read().decode()
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", lines, re.MULTILINE)
        return sum(int(float(value)) for value in found)


@contextmanager
def running(name: str, scratch: Path, **options: Any) -> Iterator[Running]:
    """The service of this name with options of its configuration; its log and data are in `scratch`."""
    ports = Ports.free()
    told = {"host": HOST, "port": ports.gateway, "metrics_port": ports.http, "data_dir": scratch, **options}
    environment = {f"QUADRILLE_{name.upper()}_{option.upper()}": str(value) for option, value in told.items()}
    url = f"http://{HOST}:{ports.http}/metrics"
    command, address = (sys.executable, "-m", name), f"{HOST}:{ports.gateway}"
    with Stack([Service(name, command, address, environment, metrics_url=url)], scratch) as stack:
        yield Running(stack.process(name).pid, stack.address, url)
