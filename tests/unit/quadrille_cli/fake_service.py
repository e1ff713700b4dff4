"""A service as small as one can be, told all by its environment like the true ones.

It answers health checks (and readyz), notes its end in $FAKE_JOURNAL, and misbehaves as $FAKE_<NAME> says:
loading, broken or stubborn.
"""

import http.server
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()


def main() -> None:
    name = __package__ or sys.argv[1]
    mode = os.environ.get(f"FAKE_{name.upper()}")
    if mode == "broken":
        sys.exit("the model is missing")
    # Blocked before any thread begins, and waited for below: a handler that set an event could lock itself out.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = grpc.server(ThreadPoolExecutor(2))
    status = bytes([0x08, 2 if mode == "loading" else 1])
    check = grpc.unary_unary_rpc_method_handler(lambda request, context: status)
    handler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{os.environ[f'QUADRILLE_{name.upper()}_PORT']}")
    server.start()
    if http_port := os.environ.get(f"QUADRILLE_{name.upper()}_HTTP_PORT"):
        door = http.server.ThreadingHTTPServer(("127.0.0.1", int(http_port)), Ready)
        threading.Thread(target=door.serve_forever, daemon=True).start()
    print(f"{name} listens", flush=True)
    while signal.sigwait({signal.SIGTERM}) and mode == "stubborn":
        pass
    with Path(os.environ["FAKE_JOURNAL"]).open("a") as notes:
        notes.write(f"{name}\n")
    server.stop(None).wait()


main()
