"""The four services on loopback: what each is told by its environment."""

import os
import sys
from pathlib import Path
from typing import Any

from quadrille_client import Tls

from quadrille_cli.stack.ports import HOST, Ports
from quadrille_cli.stack.service import Service
from quadrille_cli.stack.stack import Stack


def local_stack(
    data_dir: Path,
    *,
    ports: Ports | None = None,
    config: Path | None = None,
    tls: Tls | None = None,
    **options: Any,
) -> Stack:
    """A stack of textgen, imagegen, retrieval and gateway; `options` are those of Stack.

    Ports, data directories and the gateway's backends are set here, whatever the config file says;
    all else comes from the file and the environment. `tls` is for a gateway that these give certificates.
    """
    services = quadrille_services(data_dir.resolve(), ports or Ports(), config, tls)
    return Stack(services, data_dir / "logs", **options)


def quadrille_services(
    data_dir: Path, ports: Ports, config: Path | None = None, tls: Tls | None = None
) -> tuple[Service, ...]:
    """The services, and the environment that joins them."""
    text, image, retrieval = (f"{HOST}:{port}" for port in (ports.text, ports.image, ports.retrieval))
    metrics = (ports.text_metrics, ports.image_metrics, ports.retrieval_metrics)
    shared = {} if config is None else {"QUADRILLE_CONFIG": str(config.resolve())}
    backends = {
        "HTTP_HOST": HOST,
        "HTTP_PORT": str(ports.http),
        "TEXT_ADDRESSES": text,
        "IMAGE_ADDRESSES": image,
        "RETRIEVAL_ADDRESS": retrieval,
        "METRICS_URLS": ",".join(map(_metrics_url, metrics)),
    }
    http = f"{'http' if tls is None else 'https'}://{HOST}:{ports.http}"
    return (
        _service("textgen", ports.text, data_dir, shared | _threads(), ports.text_metrics),
        _service("imagegen", ports.image, data_dir, shared | _threads(), ports.image_metrics),
        _service("retrieval", ports.retrieval, data_dir, shared, ports.retrieval_metrics),
        Service(
            name="gateway",
            command=(sys.executable, "-m", "gateway"),
            address=f"{HOST}:{ports.gateway}",
            environment=shared | _own("gateway", ports.gateway, data_dir) | _named("gateway", backends),
            ready_url=f"{http}/readyz",
            metrics_url=f"{http}/metrics",
            door=True,
            tls=tls,
        ),
    )


def _service(name: str, port: int, data_dir: Path, shared: dict[str, str], metrics_port: int) -> Service:
    return Service(
        name=name,
        command=(sys.executable, "-m", name),
        address=f"{HOST}:{port}",
        environment=shared | _own(name, port, data_dir) | _named(name, {"METRICS_PORT": str(metrics_port)}),
        metrics_url=_metrics_url(metrics_port),
    )


def _metrics_url(port: int) -> str:
    return f"http://{HOST}:{port}/metrics"


def _own(name: str, port: int, data_dir: Path) -> dict[str, str]:
    return _named(name, {"HOST": HOST, "PORT": str(port), "DATA_DIR": str(data_dir / name)})


def _named(name: str, options: dict[str, str]) -> dict[str, str]:
    return {f"QUADRILLE_{name.upper()}_{option}": value for option, value in options.items()}


def _threads() -> dict[str, str]:
    # Two model servers share the cores; each taking all of them makes both slower.
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 2) // 2))}
