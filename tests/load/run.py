"""Load on a running stack: python tests/load/run.py --users 8 --seconds 30. README.md explains the table."""

from gevent import monkey

monkey.patch_all()

import grpc.experimental.gevent  # noqa: E402

grpc.experimental.gevent.init_gevent()

import argparse  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
from addresses import is_loopback  # noqa: E402
from corpus import prepared  # noqa: E402
from locust.env import Environment  # noqa: E402
from quadrille_client import Client, QuadrilleError  # noqa: E402
from report import Results, table  # noqa: E402
from users import KINDS, Run  # noqa: E402

PROXIES = ("grpc_proxy", "http_proxy", "https_proxy", "all_proxy")


def main() -> int:
    """Exit 0 when enough was served, 1 when not, 2 when there is nothing to load."""
    options = _options()
    addresses = (options.address, options.http)
    if not options.allow_remote and not all(map(is_loopback, addresses)):
        print(
            f"{' and '.join(addresses)} are not both on this machine; --allow-remote loads them all the same"
        )
        return 2
    if not options.allow_remote:
        for name in PROXIES:
            os.environ.pop(name, None)
            os.environ.pop(name.upper(), None)
    key, results = os.environ.get("QUADRILLE_API_KEY"), Results()
    try:
        with Client(options.address, api_key=key) as client, prepared(client) as corpus:
            ends = time.monotonic() + options.seconds
            http = options.http.rstrip("/")
            run = Run(options.address, http, key, options.timeout, options.rate, ends, corpus, results)
            _load(run, options.users)
    except QuadrilleError as error:
        print(f"{options.address} cannot be loaded: {error.code.name}: {error}")
        return 2
    print(f"{options.users} users, {options.seconds:g} s, {options.address} and {http}")
    print(table(results, options.seconds))
    problem = results.problem(options.max_error_rate)
    if problem is not None:
        print(problem)
    return int(problem is not None)


def _load(run: Run, users: int) -> None:
    environment = Environment(user_classes=list(KINDS), stop_timeout=run.timeout)
    environment.run = run
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    gevent.sleep(max(0.0, run.ends - time.monotonic()))
    runner.quit()  # what is under way may end


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load a running stack and print what it served.")
    parser.add_argument(
        "--users", type=int, default=8, help="users, shared out by kind: 3 http, 2 text, 1 each else"
    )
    parser.add_argument("--seconds", type=float, default=30, help="how long requests are sent")
    parser.add_argument("--rate", type=float, default=1, help="multiplies every user's requests a second")
    parser.add_argument("--timeout", type=float, default=60, help="deadline of a request, seconds")
    parser.add_argument("--max-error-rate", type=float, default=0.01, help="part of requests that may fail")
    parser.add_argument("--address", default=os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050"))
    parser.add_argument("--http", default=os.environ.get("QUADRILLE_HTTP", "http://127.0.0.1:8080"))
    parser.add_argument(
        "--allow-remote", action="store_true", help="load addresses that are not on this machine"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
