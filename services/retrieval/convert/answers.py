"""Answers as they are sent: in bytes, since what a hit says of its passage is at hand in that form.

Source of the form: https://protobuf.dev/programming-guides/encoding. Fields may come in any order, and messages
that are written one after the other are read as one.
"""

import functools
import struct
from collections.abc import Sequence

from google.protobuf.message import Message
from quadrille.retrieval.v1 import search_pb2

from retrieval.domain import Answer, AnyAnswer, DenseAnswer, Hit, Passage, Plan, Reference, SearchMode, Vector

_MODES = {
    SearchMode.DENSE: search_pb2.SEARCH_MODE_DENSE,
    SearchMode.LEXICAL: search_pb2.SEARCH_MODE_LEXICAL,
    SearchMode.HYBRID: search_pb2.SEARCH_MODE_HYBRID,
}
_VARINT, _FIXED, _SIZED = 0, 1, 2  # wire types: a whole number, eight bytes, a size and so many bytes
_ranking = struct.Struct("<BdB").pack
_alone = struct.Struct("<BdBdB").pack


def _tag(message: type[Message], field: str, wire_type: int) -> int:
    return int(message.DESCRIPTOR.fields_by_name[field].number) << 3 | wire_type


_RESPONSES = _tag(search_pb2.BatchSearchResponse, "responses", _SIZED)
_HITS = _tag(search_pb2.SearchResponse, "hits", _SIZED)
_SCORE = _tag(search_pb2.Hit, "score", _FIXED)
_DENSE = _tag(search_pb2.Hit, "dense_score", _FIXED), _tag(search_pb2.Hit, "dense_rank", _VARINT)
_VECTOR = _tag(search_pb2.Hit, "vector", _SIZED)
_LEXICAL = _tag(search_pb2.Hit, "lexical_score", _FIXED), _tag(search_pb2.Hit, "lexical_rank", _VARINT)


def answer_to_bytes(answer: AnyAnswer, *, explain: bool) -> bytes:
    """Write a serialised SearchResponse, with its plan when the request asked for it."""
    return b"".join(_parts(answer, explain=explain))


def batch_to_bytes(answers: Sequence[AnyAnswer], *, explain: bool) -> bytes:
    """Write a serialised BatchSearchResponse."""
    parts: list[bytes] = []
    for answer in answers:
        response = _parts(answer, explain=explain)
        parts += (_begun(_RESPONSES, sum(map(len, response))), *response)
    return b"".join(parts)


def passage_to_bytes(passage: Reference) -> bytes:
    """Write what a hit says of its passage, or which one it is, as a serialised Hit."""
    message = search_pb2.Hit(chunk_id=passage.id, document_id=passage.document_id, ordinal=passage.ordinal)
    if isinstance(passage, Passage):
        message.text = passage.text
        message.title = passage.title
        message.source_uri = passage.source_uri
        message.start_byte = passage.start_byte
        message.end_byte = passage.end_byte
        message.content_sha256 = passage.content_sha256
        message.metadata.SetInParent()
        if passage.metadata:
            message.metadata.update(passage.metadata)
    return message.SerializeToString()


def _parts(answer: AnyAnswer, *, explain: bool) -> list[bytes]:
    parts = _ranking_parts(answer) if isinstance(answer, DenseAnswer) else _hit_parts(answer)
    rest = search_pb2.SearchResponse(lsn=answer.lsn, search_ms=answer.seconds * 1000)
    if explain:
        rest.plan.CopyFrom(_plan(answer.plan))
    parts.append(rest.SerializeToString())
    return parts


def _ranking_parts(answer: DenseAnswer) -> list[bytes]:
    parts: list[bytes] = []
    dense, dense_rank = _DENSE
    whole = answer.with_passages
    for place, (score, kept) in enumerate(answer.ranking, 1):
        passage = kept.encoded if whole else kept.encoded_reference
        numbers = _alone(_SCORE, score, dense, score, dense_rank) + _varint(place)
        parts += (_begun(_HITS, len(passage) + len(numbers)), passage, numbers)
    return parts


def _hit_parts(answer: Answer) -> list[bytes]:
    parts: list[bytes] = []
    for hit in answer.hits:
        passage, numbers = passage_to_bytes(hit.passage), _numbers(hit)
        if hit.vector is not None:
            numbers += _vector(hit.vector)
        parts += (_begun(_HITS, len(passage) + len(numbers)), passage, numbers)
    return parts


def _numbers(hit: Hit) -> bytes:
    """Write what a hit says of its ranks."""
    numbers = struct.pack("<Bd", _SCORE, hit.score)
    for ranked, (score, rank) in ((hit.dense, _DENSE), (hit.lexical, _LEXICAL)):
        if ranked is not None:
            numbers += _ranking(score, ranked.score, rank) + _varint(ranked.rank)
    return numbers


def _vector(vector: Vector) -> bytes:
    """Write a hit's vector: four bytes a component, the lowest first."""
    return _begun(_VECTOR, 4 * len(vector)) + vector.astype("<f4", copy=False).tobytes()


@functools.lru_cache(maxsize=4096)
def _begun(tag: int, size: int) -> bytes:
    """Begin a field that holds a message of so many bytes."""
    return _varint(tag) + _varint(size)


@functools.lru_cache(maxsize=1024)
def _varint(value: int) -> bytes:
    """Write a whole number from 0 up: seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _plan(plan: Plan) -> search_pb2.SearchPlan:
    return search_pb2.SearchPlan(
        mode=_MODES[plan.mode],
        dense=plan.dense,
        lexical=plan.lexical,
        filtered_chunk_count=plan.filtered_chunk_count,
        dense_candidate_count=plan.dense_candidate_count,
        lexical_candidate_count=plan.lexical_candidate_count,
    )
