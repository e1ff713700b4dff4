"""Goals, and how far the figures are from them. Pure."""

from collections.abc import Sequence
from typing import Any

from benchmarks.gateway.litellm_proxy import PEER
from benchmarks.report import Ratio

DIRECT, GRPC, HTTP = "textgen, gRPC", "gateway, gRPC", "gateway, HTTP"
STREAMED, WHOLE = "streamed", "whole"
OVERLOAD = 5.0


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, Ratio]:
    """The gateway beside the service called directly and beside LiteLLM's proxy; goodput beyond capacity."""
    found: dict[str, Ratio] = {}
    for operation in (STREAMED, WHOLE):
        measured = [row for row in rows if row["operation"] == operation and "absent" not in row]
        by = {(row["engine"], row["streams"]): row for row in measured}
        for streams in sorted({streams for engine, streams in by if engine == DIRECT}):
            direct, ours, http = (by[name, streams] for name in (DIRECT, GRPC, HTTP))
            label = f"{operation}_{streams}"
            rate = ours["requests_per_s"] / direct["requests_per_s"]
            found[f"{label}_rate_to_direct"] = Ratio(round(rate, 3), None, "higher")
            peer = by.get((PEER.name, streams))
            if peer is None or not (peer["requests_per_core_s"] and http["requests_per_core_s"]):
                continue
            per_core = http["requests_per_core_s"] / peer["requests_per_core_s"]
            found[f"{label}_per_core_to_litellm"] = Ratio(round(per_core, 2), 5.0, "higher")
            p99 = http["whole_p99_ms"] / peer["whole_p99_ms"]
            found[f"{label}_p99_to_litellm"] = Ratio(round(p99, 3), 1.0, "lower")
    good = {row["part"]: row["goodput_per_s"] for row in rows if row["operation"] == "overload"}
    if good.get(OVERLOAD) is not None and max(good.values()):
        ratio = good[OVERLOAD] / max(good.values())
        found["goodput_at_5_times_to_peak"] = Ratio(round(ratio, 3), 0.9, "higher")
    return found
