"""Load goes to this machine and nowhere else, unless that is asked for."""

import ipaddress
from urllib.parse import urlsplit


def host_of(address: str) -> str:
    """The host of a URL or of host:port. Raises ValueError without one."""
    host = urlsplit(address if "//" in address else f"//{address}").hostname
    if not host:
        raise ValueError(f"{address!r} names no host")
    return host


def is_loopback(address: str) -> bool:
    """Whether an address surely stays on this machine; names other than localhost do not, whatever they resolve to."""
    host = host_of(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
