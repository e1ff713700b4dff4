"""POST /v1/images/generations and /v1/images/edits."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from gateway.backends import ImageBackend
from gateway.domain.image import ImageEdit, ImageFormat, ImageRequest, LoraChoice
from gateway.http.answers import ImageList
from gateway.http.caller import unless_gone
from gateway.http.image_answers import Kind, Made, streamed, whole
from gateway.http.image_schemas import EditForm, ImageBody, ImageOptions
from gateway.http.multipart import described, read_form
from gateway.http.openapi import answered
from gateway.http.stream import respond
from gateway.rag.fields import renamed

_DEFAULT_STRENGTH = 0.8  # the image service's
_FILES = {"init_image.data": "image", "init_image": "image", "mask.data": "mask"}


def image_routes(images: ImageBackend) -> APIRouter:
    """The routes over an image backend."""
    router = APIRouter()

    async def answer(
        request: Request, made: Made, asked: ImageRequest, body: ImageOptions, kind: Kind
    ) -> Response:
        if body.stream:
            events = streamed(made, asked, kind, body.partial_images)
            return await unless_gone(request, respond(events, done=False))
        return JSONResponse(await unless_gone(request, whole(made, asked)))

    @router.post(
        "/v1/images/generations",
        response_model=None,
        responses=answered(
            ImageList, streamed="image_generation.partial_image or image_generation.completed"
        ),
    )
    async def generate(request: Request, body: ImageBody) -> Response:
        """Make images; streamed, with partial images on the way."""
        asked = _asked(body, request.state.request_id, await _preview_every(images, body))
        return await answer(request, images.generate(asked), asked, body, "image_generation")

    @router.post(
        "/v1/images/edits",
        response_model=None,
        responses=answered(ImageList, streamed="image_edit.partial_image or image_edit.completed"),
        openapi_extra=described(EditForm, "image", "mask"),
    )
    async def edit(request: Request) -> Response:
        """Change an image, where a mask is transparent or everywhere."""
        form = await read_form(request)
        form.only("image", "mask")
        body = form.check(EditForm)
        image = form.file("image").data
        mask = form.file("mask").data if "mask" in form.files else None
        every = await _preview_every(images, body, body.strength or _DEFAULT_STRENGTH)
        asked = _asked(body, request.state.request_id, every)
        with renamed(_FILES):
            made = images.edit(ImageEdit(asked, image, mask, body.strength))
            return await answer(request, made, asked, body, "image_edit")

    return router


def _asked(body: ImageOptions, request_id: str, preview_every_steps: int) -> ImageRequest:
    width, height = (None, None) if body.size == "auto" else map(int, body.size.split("x"))
    return ImageRequest(
        model=body.model,
        prompt=body.prompt,
        negative_prompt=body.negative_prompt,
        width=width,
        height=height,
        steps=body.steps,
        guidance_scale=body.guidance_scale,
        seed=body.seed,
        count=1 if body.n is None else body.n,
        format=ImageFormat(body.output_format),
        preview_every_steps=preview_every_steps,
        request_id=request_id,
        loras=tuple(LoraChoice(lora.name, lora.scale) for lora in body.loras),
    )


async def _preview_every(images: ImageBackend, body: ImageOptions, share: float | None = None) -> int:
    """Steps from one preview to the next, so that as many come as are asked; an edit does a `share` of the steps."""
    if not (body.stream and body.partial_images):
        return 0
    steps = body.steps
    if steps is None:
        can = (m for m in await images.list_models() if (m.generates if share is None else m.edits))
        steps = next((m.default_steps for m in can if body.model in ("", m.id)), 1)
    done = steps if share is None else int(steps * share)
    return min(max(1, done // (body.partial_images + 1)), 1000)
