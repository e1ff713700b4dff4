"""The choice among servers that can all answer a request."""

import hashlib
from collections.abc import Sequence

from gateway.balancing.replica import Replica
from gateway.balancing.work import BLOCK_TOKENS, Load


def pick(replicas: Sequence[Replica], load: Load) -> Replica:
    """The server with the least work before the request's first token.

    That is what its running requests cost, less the part of this prompt that its cache probably holds: a prompt follows
    its prefix until the queue there costs more than computing it anew (Preble weighs the two likewise; Srivatsa et al.
    2024, arXiv 2407.00023). Among equals, a prompt goes by rendezvous hashing of its first block (Thaler and
    Ravishankar 1998), the same in every gateway; what has no block goes to whom was picked longest ago.
    """

    def order(replica: Replica) -> tuple[int, bytes, int]:
        saved = BLOCK_TOKENS * replica.prefixes.matched(load.blocks)
        first = b"".join(load.blocks[:1])
        hashed = hashlib.blake2b(first + replica.address.encode(), digest_size=8).digest() if first else b""
        return replica.outstanding - saved, hashed, replica.last_pick

    return replicas[0] if len(replicas) == 1 else min(replicas, key=order)
