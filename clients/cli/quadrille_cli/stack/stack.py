"""The services together: start, wait until all serve, watch, drain."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from quadrille_cli.stack.readiness import Probe, State
from quadrille_cli.stack.service import Service, ServiceProcess

_POLL_S = 0.1
Report = Callable[[Mapping[str, State]], None]


class StackError(Exception):
    """The stack did not come up, or a service ended by itself. Its text ends in the log's last lines."""


class Stack:
    """Runs services as processes. As a context manager: all serve inside, all are gone after.

    Args:
        services: what to run; any order, since each waits for the others by itself.
        log_dir: each service logs to `<log_dir>/<name>.log`.
        ready_timeout_s: how long all services together may take to serve.
        grace_s: seconds between asking a service to drain and killing it.
        report: called with the states whenever they change.
    """

    def __init__(
        self,
        services: Sequence[Service],
        log_dir: Path,
        *,
        ready_timeout_s: float = 180.0,
        grace_s: float = 35.0,
        report: Report | None = None,
    ) -> None:
        self.services = tuple(services)
        self.log_dir = log_dir
        self._ready_timeout_s = ready_timeout_s
        self._grace_s = grace_s
        self._report = report or (lambda states: None)
        self._processes: dict[str, ServiceProcess] = {}

    def __enter__(self) -> Self:
        self.start_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def door(self) -> Service:
        """The service that clients speak to."""
        return next((item for item in self.services if item.door), self.services[-1])

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self.door.address

    def process(self, name: str) -> ServiceProcess:
        """A running service, e.g. for its pid or log. Raises KeyError."""
        return self._processes[name]

    def start_ready(self) -> None:
        """Start, and return when every service serves; on failure nothing is left running."""
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Start every process; none is ready yet."""
        for service in self.services:
            self._processes[service.name] = ServiceProcess(service, self.log_dir / f"{service.name}.log")

    def wait_ready(self) -> None:
        """Return when every service serves. Raises StackError when one exits or time runs out."""
        deadline = time.monotonic() + self._ready_timeout_s
        with contextlib.ExitStack() as stack:
            probes = {
                item.name: stack.enter_context(contextlib.closing(Probe(item))) for item in self.services
            }
            known: dict[str, State] = {}
            while True:
                self.check()
                states = {name: probe.state() for name, probe in probes.items()}
                if states != known:
                    self._report(states)
                    known = states
                waiting = [name for name, state in states.items() if state is not State.SERVING]
                if not waiting:
                    return
                if time.monotonic() >= deadline:
                    raise StackError(
                        f"{', '.join(waiting)} did not serve within {self._ready_timeout_s:.0f} s; "
                        f"the logs are in {self.log_dir}\n{self._processes[waiting[0]].tail()}"
                    )
                time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise StackError when a service has ended."""
        for name, process in self._processes.items():
            if (status := process.exit_status) is not None:
                raise StackError(
                    f"{name} ended with status {status}; its log is {process.log_path}\n{process.tail()}"
                )

    def watch(self) -> None:
        """Block for as long as every service runs. Raises StackError when one ends."""
        while True:
            self.check()
            time.sleep(_POLL_S)

    def stop(self) -> dict[str, int | None]:
        """Drain the door, then the rest; kill what is left after the grace. Returns exit statuses."""
        doors = [item for item in self._processes.values() if item.service.door]
        rest = [item for item in self._processes.values() if not item.service.door]
        try:
            for group in (doors, rest):
                self._drain(group)
        finally:
            for process in (*doors, *rest):
                if process.exit_status is None:
                    process.kill()
        return {name: process.exit_status for name, process in self._processes.items()}

    def _drain(self, group: Sequence[ServiceProcess]) -> None:
        for process in group:
            process.terminate()
        deadline = time.monotonic() + self._grace_s
        for process in group:
            process.wait(max(0.0, deadline - time.monotonic()))
