"""Channels from one service to another, and what a call passes on: deadline, request id, tenant, trace."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from serving.call import REQUEST_ID_KEY, current_call
from serving.delegation import on_behalf
from serving.tracing import trace_metadata

DEFAULT_MAX_MESSAGE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM files of a client: the authority it trusts, and its own certificate for mTLS."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None


def open_channel(
    address: str,
    tls: TlsOptions | None = None,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    server_name: str | None = None,
) -> grpc.aio.Channel:
    """A channel that pings idle connections, so that a lost peer is noticed within half a minute.

    `server_name` is the one that the server's certificate must have; by default it is the address'.
    """
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.lb_policy_name", "round_robin"),
        # Another channel to this address may be waiting to try again: a new one must not wait with it.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if server_name is not None:
        options += [("grpc.default_authority", server_name), ("grpc.ssl_target_name_override", server_name)]
    if tls is None:
        return grpc.aio.insecure_channel(address, options)
    key, certificate = (path.read_bytes() if path else None for path in (tls.key, tls.certificate))
    return grpc.aio.secure_channel(
        address, grpc.ssl_channel_credentials(tls.ca.read_bytes(), key, certificate), options
    )


def outgoing_metadata(api_key: str | None = None) -> tuple[tuple[str, str], ...]:
    """Metadata of a call made on behalf of the current one."""
    call = current_call()
    metadata = {**on_behalf(call.principal), **trace_metadata()}
    if call.request_id:
        metadata[REQUEST_ID_KEY] = call.request_id
    if api_key:
        metadata["authorization"] = f"Bearer {api_key}"
    return tuple(metadata.items())


def time_left() -> float | None:
    """Timeout of a call made on behalf of the current one, in seconds; None when it has no deadline."""
    return current_call().time_left()
