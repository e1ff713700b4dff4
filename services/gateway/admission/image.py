"""The image port, behind the gate."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from gateway.admission.cost import image_cost
from gateway.admission.gate import Gate
from gateway.admission.pools import IMAGE
from gateway.backends import ImageBackend
from gateway.domain.image import ImageEdit, ImageEvent, ImageFinished, ImageModel, ImageRequest


class AdmittedImages:
    """ImageBackend over another: images wait for their turn."""

    def __init__(self, inner: ImageBackend, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    async def list_models(self) -> Sequence[ImageModel]:
        """All models that can be reached."""
        return await self._inner.list_models()

    def generate(self, request: ImageRequest) -> AsyncGenerator[ImageEvent, None]:
        """Make images."""
        return self._admitted(self._inner.generate(request), request)

    def edit(self, request: ImageEdit) -> AsyncGenerator[ImageEvent, None]:
        """Make images that start from one."""
        return self._admitted(self._inner.edit(request), request.asked)

    async def _admitted(
        self, events: AsyncGenerator[ImageEvent, None], request: ImageRequest
    ) -> AsyncGenerator[ImageEvent, None]:
        expected = image_cost(request.count, request.steps, request.width, request.height)
        async with self._gate.admitted(IMAGE, expected) as ticket, aclosing(events):
            async for event in events:
                ticket.used(expected)
                ticket.complete = isinstance(event, ImageFinished)
                yield event
