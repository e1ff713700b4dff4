"""Requests for vectors, and their answers, as bytes on the wire."""

from array import array
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from quadrille.text.v1 import text_pb2

from gateway.embeddings.cache import Made
from gateway.embeddings.lookup import Answered, Asked

EMBED = f"/{text_pb2.DESCRIPTOR.services_by_name['TextService'].full_name}/Embed"


class EmbedCall:
    """One call: what it asks, and how the model is asked for a part of it."""

    def __init__(self, request: bytes) -> None:
        """Raises ValueError for bytes that are no request."""
        try:
            self._request = text_pb2.EmbedRequest.FromString(request)
        except DecodeError as error:
            raise ValueError("is no request") from error
        self._usage, self._timings = text_pb2.Usage(), text_pb2.Timings()

    @property
    def asked(self) -> Asked:
        """What vectors are wanted."""
        request = self._request
        return Asked(
            request.model,
            tuple(request.inputs),
            request.normalize if request.HasField("normalize") else True,
            request.dimensions if request.HasField("dimensions") else None,
            request.truncate,
        )

    def part(self, inputs: Sequence[str]) -> bytes:
        """The same request for these texts."""
        part = text_pb2.EmbedRequest()
        part.CopyFrom(self._request)
        part.inputs[:] = inputs
        return part.SerializeToString()

    def answered(self, response: bytes) -> Answered:
        """What the model answered."""
        answer = text_pb2.EmbedResponse.FromString(response)
        self._usage, self._timings = answer.usage, answer.timings
        made = tuple(Made(array("f", item.values).tobytes(), item.token_count) for item in answer.embeddings)
        return Answered(made, answer.model, answer.model_stamp)

    def response(self, answered: Answered) -> bytes:
        """The answer to all of it; its times are the model's, none when it was not asked."""
        usage = text_pb2.Usage(
            prompt_token_count=answered.token_count or self._usage.prompt_token_count,
            cached_prompt_token_count=answered.cached_token_count,
        )
        embeddings = [
            text_pb2.Embedding(values=array("f", item.values), token_count=item.token_count)
            for item in answered.made
        ]
        return text_pb2.EmbedResponse(
            embeddings=embeddings,
            model=answered.model,
            model_stamp=answered.stamp,
            usage=usage,
            timings=self._timings,
        ).SerializeToString()
