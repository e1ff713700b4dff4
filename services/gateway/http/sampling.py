"""OpenAI's sampling options as ours."""

import json
from collections.abc import Callable
from typing import Any

from serving.errors import InvalidInput, PermissionDenied

from gateway.domain.text import Sampling, StructuredOutput, TokenLogprob, Usage
from gateway.http.schemas import ResponseFormat, SampledBody


def sampling(body: SampledBody, *, max_tokens: int | None, logprobs: int | None, **more: Any) -> Sampling:
    """Options of chat or completions; ranges are checked by the text service.

    Raises PermissionDenied for a chat template, which is a program.
    """
    if body.chat_template is not None:
        raise PermissionDenied("chat templates come with the models, never from a request")
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        repetition_penalty=body.repetition_penalty,
        max_tokens=max_tokens,
        n=body.n,
        stop=stop,
        logprobs=logprobs,
        seed=body.seed,
        logit_bias=dict(body.logit_bias or {}),
        ignore_eos=body.ignore_eos,
        **more,
    )


def structured(form: ResponseFormat | None) -> StructuredOutput | None:
    """The form that an answer must have."""
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return StructuredOutput("json_schema", '{"type":"object"}')
    if form.json_schema is None:
        raise InvalidInput("response_format.json_schema", "must be set for this type")
    return StructuredOutput("json_schema", json.dumps(form.json_schema.schema_))


def chat_logprob(entry: TokenLogprob) -> dict[str, Any]:
    """One token of a chat answer's logprobs."""
    plain: Callable[[TokenLogprob], dict[str, Any]] = lambda item: {  # noqa: E731
        "token": item.token,
        "logprob": item.logprob,
        "bytes": None if "\ufffd" in item.token else list(item.token.encode()),  # part of a character
    }
    return {**plain(entry), "top_logprobs": [plain(item) for item in entry.top]}


def usage_body(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_token_count,
        "completion_tokens": usage.completion_token_count,
        "total_tokens": usage.prompt_token_count + usage.completion_token_count,
        "prompt_tokens_details": {"cached_tokens": usage.cached_prompt_token_count},
    }
