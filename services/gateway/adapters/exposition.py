"""Metrics of one server, over HTTP."""

import httpx

_TIMEOUT_S = 2.0
_MAX_BYTES = 4 * 1024 * 1024


class HttpExposition:
    """Exposition: reads a Prometheus endpoint."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def read(self) -> str | None:
        """The text, or None when it cannot be had or is too long."""
        content = bytearray()
        try:
            async with self._client.stream("GET", self._url, timeout=_TIMEOUT_S) as response:
                if not response.is_success:
                    return None
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > _MAX_BYTES:
                        return None
        except httpx.HTTPError:
            return None
        return content.decode(errors="replace")
