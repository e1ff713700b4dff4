"""What failures tell, and when it is worth coming back: python failures.py [host:port]."""

import os
import sys
from collections.abc import Callable

from quadrille_client import Client, DeadlineExceededError, OverloadedError, QuadrilleError

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")


def told(call: Callable[[], object]) -> str:
    """What became of a call; by the time it fails, retries that were worth it have been made."""
    try:
        call()
    except OverloadedError as error:  # over a limit, or no room: `reason` says which
        return f"{error.reason}: come back in {error.retry_after_s} s"
    except DeadlineExceededError as error:
        return f"too late ({error.reason or 'the deadline passed'})"
    except QuadrilleError as error:
        return f"{error.code.name}, {error.reason}, field {error.field}: {error.message} ({error.request_id})"
    return "done"


def main() -> None:
    """Make calls that cannot go well, and one that can."""
    with Client(ADDRESS, timeout=60, max_retries=2) as client:
        hurried = client.with_options(timeout=0.05)
        print(told(lambda: client.chat("Hello", temperature=99.0)))
        print(told(lambda: client.chat("Hello", model="no-such-model")))
        print(told(lambda: client.ask("no-such-collection", "Why?")))
        print(told(lambda: hurried.generate("Once", max_tokens=500, ignore_eos=True)))
        print(told(lambda: client.generate("Once", max_tokens=4)))


if __name__ == "__main__":
    main()
