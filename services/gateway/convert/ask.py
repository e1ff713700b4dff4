"""Questions from the wire, with the checks that need no other service."""

import math

from quadrille.gateway.v1 import injection_pb2, rag_pb2, rewriting_pb2, support_pb2
from serving.errors import InvalidInput

from gateway.convert.named import MAX_ID_BYTES
from gateway.convert.retrieval import mmr_from_proto, mode_from_proto
from gateway.convert.sizes import check_size
from gateway.convert.text import message_from_proto, sampling_from_proto
from gateway.domain.ask import (
    AskRequest,
    InjectionDefence,
    Reranking,
    RewriteMethod,
    Rewriting,
    SupportMethod,
)
from gateway.domain.retrieval import SearchMode

_MAX_QUESTION_BYTES = 16 * 1024
_MAX_HISTORY = 64
_MAX_COLLECTIONS = 8
_MAX_TOP_K = 32
_RERANK_DEPTH = 32
_MAX_RERANK_DEPTH = 256
_MAX_TOKENS = 1024 * 1024
_REWRITES = {
    rewriting_pb2.REWRITE_METHOD_UNSPECIFIED: RewriteMethod.MODEL,
    rewriting_pb2.REWRITE_METHOD_MODEL: RewriteMethod.MODEL,
    rewriting_pb2.REWRITE_METHOD_HISTORY: RewriteMethod.HISTORY,
}
_SUPPORTS = {
    support_pb2.SUPPORT_METHOD_UNSPECIFIED: None,
    support_pb2.SUPPORT_METHOD_LEXICAL: SupportMethod.LEXICAL,
    support_pb2.SUPPORT_METHOD_EMBEDDING: SupportMethod.EMBEDDING,
    support_pb2.SUPPORT_METHOD_RELEVANCE: SupportMethod.RELEVANCE,
}
_DEFENCES = {
    injection_pb2.INJECTION_DEFENCE_UNSPECIFIED: InjectionDefence.TAKE_OUT,
    injection_pb2.INJECTION_DEFENCE_OFF: InjectionDefence.OFF,
    injection_pb2.INJECTION_DEFENCE_MARK: InjectionDefence.MARK,
    injection_pb2.INJECTION_DEFENCE_TAKE_OUT: InjectionDefence.TAKE_OUT,
    injection_pb2.INJECTION_DEFENCE_OMIT: InjectionDefence.OMIT,
}


def ask_from_proto(message: rag_pb2.AskRequest) -> AskRequest:
    """A question; raises InvalidInput."""
    check_size("question", message.question, _MAX_QUESTION_BYTES)
    check_size("request_id", message.request_id, MAX_ID_BYTES, least=0)
    if len(message.history) > _MAX_HISTORY:
        raise InvalidInput("history", f"holds {len(message.history)} messages, at most {_MAX_HISTORY}")
    top_k = message.top_k if message.HasField("top_k") else 4
    if not 1 <= top_k <= _MAX_TOP_K:
        raise InvalidInput("top_k", f"must be 1 to {_MAX_TOP_K}")
    mode = mode_from_proto(message.mode)
    if mode is None:
        raise InvalidInput("mode", f"{message.mode} is no search mode")
    if message.support_method not in _SUPPORTS:
        raise InvalidInput("support_method", f"{message.support_method} is no method of support")
    if message.injection_defence not in _DEFENCES:
        raise InvalidInput("injection_defence", f"{message.injection_defence} is no defence")
    sampling = sampling_from_proto(message.sampling)
    if sampling.n not in (None, 1):
        raise InvalidInput("sampling.n", "must be 1: an answer is one sequence")
    if sampling.logprobs is not None:
        raise InvalidInput("sampling.logprobs", "must be absent: an answer carries no log-probabilities")
    return AskRequest(
        collections=_collections(message),
        question=message.question,
        history=tuple(
            message_from_proto(turn, f"history[{place}]") for place, turn in enumerate(message.history)
        ),
        model=message.model,
        sampling=sampling,
        top_k=top_k,
        filter=message.filter.SerializeToString() if message.HasField("filter") else None,
        mode=mode,
        min_lsn=message.min_lsn if message.HasField("min_lsn") else None,
        request_id=message.request_id,
        rerank=_reranking(message, top_k),
        rewrite=_rewriting(message),
        mmr=mmr_from_proto(message.mmr) if message.HasField("mmr") else None,
        min_relevance=_min_relevance(message, mode),
        max_passage_tokens=_tokens(message, "max_passage_tokens", 1),
        max_history_tokens=_tokens(message, "max_history_tokens", 0),
        support=_SUPPORTS[message.support_method],
        supported_only=message.supported_only,
        defence=_DEFENCES[message.injection_defence],
    )


def _collections(message: rag_pb2.AskRequest) -> tuple[str, ...]:
    if not message.collections:
        if not message.collection:
            raise InvalidInput("collection", "must be set")
        return (message.collection,)
    if message.collection:
        raise InvalidInput("collections", "must be empty when collection is set")
    if len(message.collections) > _MAX_COLLECTIONS:
        raise InvalidInput("collections", f"must be at most {_MAX_COLLECTIONS}")
    for place, name in enumerate(message.collections):
        if not name or name in message.collections[:place]:
            raise InvalidInput(f"collections[{place}]", "must be a name that is not there before")
    return tuple(message.collections)


def _reranking(message: rag_pb2.AskRequest, top_k: int) -> Reranking | None:
    if not message.HasField("rerank"):
        return None
    depth = message.rerank.depth if message.rerank.HasField("depth") else _RERANK_DEPTH
    if not top_k <= depth <= _MAX_RERANK_DEPTH:
        raise InvalidInput("rerank.depth", f"must be top_k to {_MAX_RERANK_DEPTH}")
    return Reranking(message.rerank.model, depth)


def _rewriting(message: rag_pb2.AskRequest) -> Rewriting | None:
    if not message.HasField("rewrite"):
        return None
    method = _REWRITES.get(message.rewrite.method)
    if method is None:
        raise InvalidInput("rewrite.method", f"{message.rewrite.method} is no method of rewriting")
    if method is RewriteMethod.HISTORY and message.rewrite.model:
        raise InvalidInput("rewrite.model", "must be empty: no model rewrites by history")
    return Rewriting(method, message.rewrite.model)


def _min_relevance(message: rag_pb2.AskRequest, mode: SearchMode) -> float | None:
    if not message.HasField("min_relevance"):
        return None
    if not math.isfinite(message.min_relevance):
        raise InvalidInput("min_relevance", "must be finite")
    if mode is SearchMode.LEXICAL and not message.HasField("rerank"):
        raise InvalidInput("min_relevance", "needs rerank, or another mode: words have no relevance")
    return message.min_relevance


def _tokens(message: rag_pb2.AskRequest, field: str, least: int) -> int | None:
    if not message.HasField(field):  # type: ignore[arg-type]
        return None
    count: int = getattr(message, field)
    if not least <= count <= _MAX_TOKENS:
        raise InvalidInput(field, f"must be {least} to {_MAX_TOKENS}")
    return count
