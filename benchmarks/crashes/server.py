"""The retrieval service as a process that may be killed at any moment."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

_POLL_S = 0.02
_START_S = 120.0


class Server:
    """One process after the other on the same data directory; each has a log of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self._folder = folder
        self._options = {"data_dir": folder / "data", "port": 0, "metrics_port": 0, **options}
        self._log = folder / "server.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def data(self) -> Path:
        """Where the store is."""
        return self._folder / "data" / "retrieval"

    async def start(self, *failpoints: str) -> str | None:
        """Start and wait until it serves; returns its address, or None when it ended before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        options = {**self._options, "failpoints": ",".join(failpoints)}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUADRILLE_")}
        environment |= {f"QUADRILLE_RETRIEVAL_{name.upper()}": str(value) for name, value in options.items()}
        with self._log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "retrieval", env=environment, stderr=log
            )
        for _ in range(round(_START_S / _POLL_S)):
            if port := self._serving():
                return f"127.0.0.1:{port}"
            if await self.ended(_POLL_S):
                return None
        raise TimeoutError(f"the server does not serve after {_START_S:g} s: {self.said()}")

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    async def ended(self, within_s: float) -> bool:
        """Whether the process ends within so many seconds."""
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def kill(self) -> None:
        """SIGKILL, if it still runs."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; returns its exit status."""
        return await self._end(signal.SIGTERM)

    @property
    def status(self) -> int | None:
        """Exit status, negative for the signal that ended it; None while it runs."""
        return None if self._process is None else self._process.returncode

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-4000:] if self._log.exists() else ""

    def _serving(self) -> int | None:
        for line in self._log.read_text().splitlines():
            if (
                line.startswith("{")
                and line.endswith("}")
                and (event := json.loads(line))["event"] == "serving"
            ):
                return int(event["port"])
        return None

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await self._process.wait()
