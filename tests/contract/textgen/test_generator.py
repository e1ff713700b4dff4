"""The port Generator at engine height: every engine, on the starter model, against transformers' own."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import re
import time
from contextlib import aclosing

import jsonschema
import pytest
import torch
from serving.errors import DeadlineUnreachable, InvalidInput, Overloaded
from textgen.domain import (
    Capability,
    FinishReason,
    StructuredKind,
    StructuredOutput,
)

from .generating import PROMPTS, generate, run, running, task, text, tokens

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def test_greedy_is_that_of_transformers_whoever_shares_the_batch(served, reference):
    async def late(place, prompt):
        await asyncio.sleep(0.02 * place)
        return await generate(served, prompt, temperature=0, max_tokens=20 + 4 * place)

    answers = await asyncio.gather(*(late(place, prompt) for place, prompt in enumerate(PROMPTS)))
    for place, (prompt, (_, found, _)) in enumerate(zip(PROMPTS, answers, strict=True)):
        ids = torch.tensor([served.model.codec.encode(prompt)])
        with torch.inference_mode():
            output = reference.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=20 + 4 * place, do_sample=False
            )
        assert found == output[0, ids.shape[1] :].tolist()


async def test_a_seed_is_reproducible_alone_and_in_a_crowd(served):
    rules = {"temperature": 1.5, "top_p": 0.95, "repetition_penalty": 1.1, "ignore_eos": True}
    _, alone, _ = await generate(served, PROMPTS[0], seed=7, **rules)
    crowd = await asyncio.gather(
        *(generate(served, prompt, seed=7 + place, **rules) for place, prompt in enumerate(PROMPTS))
    )
    assert crowd[0][1] == alone
    assert (await generate(served, PROMPTS[0], seed=8, **rules))[1] != alone


async def test_sequence_i_has_seed_plus_i_and_all_end_in_one_answer(served):
    rules = {"temperature": 1.5, "ignore_eos": True}
    deltas, finished = await run(served, task(served, PROMPTS[0], seed=5, n=3, **rules))
    for index in range(3):
        assert tokens(deltas, index) == (await generate(served, PROMPTS[0], seed=5 + index, **rules))[1]
    assert [each.index for each in finished.sequences] == [0, 1, 2]
    assert finished.usage.prompt_token_count == len(served.model.codec.encode(PROMPTS[0]))
    assert finished.usage.completion_token_count == 36


async def test_many_greedy_sequences_are_alike(served):
    deltas, _ = await run(served, task(served, PROMPTS[0], temperature=0, n=2))
    assert tokens(deltas, 0) == tokens(deltas, 1) != []


async def test_text_is_that_of_the_tokens_and_timings_add_up(served):
    started = time.monotonic()
    found, ids, finished = await generate(served, PROMPTS[1], temperature=0, ignore_eos=True)
    wall = (time.monotonic() - started) * 1e3
    # A tokenizer that spells a text's first word with a space takes it away; what goes on keeps it.
    assert found.removeprefix(" ") == served.model.codec.decode(ids, skip_special=True).removeprefix(" ")
    assert (len(ids), finished.sequences[0].finish_reason) == (12, FinishReason.LENGTH)
    timings = finished.timings
    assert timings.queue_ms >= 0
    assert timings.prefill_ms > 0
    assert timings.decode_ms > 0
    assert timings.queue_ms + timings.prefill_ms + timings.decode_ms <= wall


async def test_stop_strings_end_a_sequence_and_are_left_out(served):
    whole, ids, _ = await generate(served, PROMPTS[0], temperature=0, max_tokens=40, ignore_eos=True)
    stop = whole[7:12]  # across tokens
    found, fewer, finished = await generate(
        served, PROMPTS[0], temperature=0, max_tokens=40, ignore_eos=True, stop=("never", stop)
    )
    assert found == whole[: whole.index(stop)]
    assert (finished.sequences[0].finish_reason, finished.sequences[0].stop) == (FinishReason.STOP, stop)
    assert fewer == ids[: len(fewer)]
    assert finished.usage.completion_token_count == len(fewer) < 40


async def test_stop_tokens_and_end_tokens_end_a_sequence(served):
    (end,) = {served.model.codec.vocabulary.specials["<|end|>"].token_id}
    _, ids, _ = await generate(served, PROMPTS[0], temperature=0, ignore_eos=True)
    place = next(i for i, token in enumerate(ids) if i > 2 and token not in ids[:i])
    _, fewer, finished = await generate(
        served, PROMPTS[0], temperature=0, ignore_eos=True, stop_token_ids=frozenset({ids[place]})
    )
    assert fewer == ids[: place + 1]
    assert finished.sequences[0].finish_reason is FinishReason.STOP
    others = (token for token in range(served.model.info.vocabulary_size) if token not in ids)
    most = frozenset({ids[place], *itertools.islice(others, 127)})  # as many as the contract allows
    assert (await generate(served, PROMPTS[0], temperature=0, stop_token_ids=most))[1] == fewer
    biased = {"temperature": 0, "logit_bias": {end: 100.0}}
    found, ids, finished = await generate(served, PROMPTS[0], **biased)
    assert (found, ids, finished.sequences[0].finish_reason) == ("", [end], FinishReason.STOP)
    assert (await generate(served, PROMPTS[0], ignore_eos=True, **biased))[1] == [end] * 12


SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["circle", "square"]},
        "size": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["kind", "size"],
    "additionalProperties": False,
}


async def test_special_tokens_are_text_where_a_task_shows_them(served):
    mark = served.model.codec.vocabulary.specials["<|documents|>"].token_id
    spec = StructuredOutput(StructuredKind.GRAMMAR, f'start: <[{mark}]> "x"')
    hidden = task(served, PROMPTS[0], structured_output=spec)
    shown = dataclasses.replace(hidden, shown=frozenset({mark}))
    assert text((await run(served, hidden))[0]) == "x"
    assert text((await run(served, shown))[0]) == "<|documents|>x"


async def test_a_constrained_answer_is_in_its_language(served):
    async def constrained(kind, value="", choices=()):
        spec = StructuredOutput(StructuredKind(kind), value, choices)
        for seed in range(3):
            found, _, finished = await generate(
                served, PROMPTS[0], seed=seed, max_tokens=120, temperature=1.5, structured_output=spec
            )
            assert finished.sequences[0].finish_reason is FinishReason.STOP
            yield found

    async for found in constrained("json_schema", json.dumps(SCHEMA)):
        jsonschema.validate(json.loads(found), SCHEMA)
    async for found in constrained("regex", r"(ab|c){2,5}\d"):
        assert re.fullmatch(r"(ab|c){2,5}\d", found)
    choices = ('say "no"', "a\\b", "line\nbreak", "漢字", "a|b")
    async for found in constrained("choice", choices=choices):
        assert found in choices
    async for found in constrained("grammar", 'start: "x::=" NUM~2 "!"\nNUM: /[0-9]/'):
        assert re.fullmatch(r"x::=\d\d!", found)


async def test_a_constraint_ends_with_its_language_even_if_end_tokens_are_ignored(served):
    spec = StructuredOutput(StructuredKind.REGEX, "[ab]{3}")
    found, ids, finished = await generate(served, "x", structured_output=spec, ignore_eos=True, max_tokens=40)
    assert re.fullmatch("[ab]{3}", found)
    assert finished.usage.completion_token_count == len(ids) <= 4


async def test_a_bad_request_harms_no_other(served):
    alone = (await generate(served, PROMPTS[0], temperature=0, max_tokens=30))[1]
    (letter,) = served.model.codec.encode("a", special=False)

    async def attempt(kind, value):
        spec = StructuredOutput(StructuredKind(kind), value)
        return await generate(served, "x", structured_output=spec, max_tokens=600, logit_bias={letter: 100.0})

    good, regex, schema, exploding = await asyncio.gather(
        generate(served, PROMPTS[0], temperature=0, max_tokens=30),
        attempt("regex", "("),
        attempt("json_schema", "{"),
        attempt("regex", "((a{1,999}){1,999}){1,999}"),
        return_exceptions=True,
    )
    assert good[1] == alone
    for kind, error in (("regex", regex), ("json_schema", schema)):
        assert isinstance(error, InvalidInput)
        assert error.field == f"sampling.structured_output.{kind}"
    # What grows too large is refused, or ended where its language may end.
    assert isinstance(exploding, InvalidInput) or re.fullmatch("a+", exploding[0])
    assert (await generate(served, PROMPTS[0], temperature=0, max_tokens=30))[1] == alone
    assert await running(served, 0)


@pytest.mark.parametrize("whole", [True, False])
async def test_closing_the_iterator_frees_the_rows(served, whole):
    events = served.model.generator.generate(task(served, "The", max_tokens=900, ignore_eos=True, n=2))
    await anext(events)
    assert await running(served, 2)
    if whole:
        await events.aclose()
    else:
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await events.aclose()
    assert await running(served, 0)
    assert served.value("requests_waiting") == 0
    await generate(served, "The", max_tokens=2)
    names = ("batch_size_sum", "batch_size_count")
    before = [served.value(name) for name in names]
    await generate(served, "The", max_tokens=20, ignore_eos=True)
    rows, passes = (served.value(name) - then for name, then in zip(names, before, strict=True))
    assert rows == passes > 0  # it runs alone: the others have left the engine, too


async def test_a_deadline_that_has_passed_is_refused(served):
    with pytest.raises(DeadlineUnreachable):
        await generate(served, "x", deadline=time.monotonic() - 1)
    assert served.value("admission_rejections_total", reason="deadline") >= 1


@contextlib.asynccontextmanager
async def crowded(served):
    """A batch that is full and stays so for a while."""
    requests = [task(served, "The", max_tokens=480, ignore_eos=True, seed=place) for place in range(8)]
    async with contextlib.AsyncExitStack() as stack:
        for request in requests:
            events = await stack.enter_async_context(aclosing(served.model.generator.generate(request)))
            await anext(events)
        yield
    assert await running(served, 0)


async def test_a_deadline_that_passes_in_the_queue_is_refused(served):
    async with crowded(served):
        with pytest.raises(DeadlineUnreachable):
            await generate(served, "x", deadline=time.monotonic() + 0.05)
    assert served.value("requests_waiting") == 0


async def test_more_than_may_wait_are_refused(served):
    async with crowded(served):
        waiting = [asyncio.create_task(generate(served, "x", max_tokens=1)) for _ in range(16)]
        assert await running(served, 16, "requests_waiting")
        with pytest.raises(Overloaded) as caught:
            await generate(served, "x")
        assert caught.value.retry_after_s > 0
    assert all(len(ids) == 1 for _, ids, _ in await asyncio.gather(*waiting))


async def test_the_whole_context_can_be_used(served):
    room = served.model.info.context_length
    _, ids, _ = await generate(served, [5] * (room - 2), max_tokens=2, ignore_eos=True)
    assert len(ids) == 2


async def test_a_higher_priority_is_served_first(served):
    done = []

    async def one(name, priority, count):
        request = task(served, "The", max_tokens=count, ignore_eos=True, priority=priority)
        await run(served, request)
        done.append(name)

    first = [asyncio.create_task(one("first", 0, 160 + 20 * place)) for place in range(8)]
    assert await running(served, 8)
    others = [asyncio.create_task(one("low", -5, 2)) for _ in range(2)]
    await asyncio.sleep(0.05)
    others.append(asyncio.create_task(one("high", 5, 2)))
    await asyncio.gather(*first, *others)
    assert done.index("high") < done.index("low")


async def test_metrics_count_what_happened(served):
    names = ("generation_tokens_total", "time_to_first_token_seconds_count", "prefix_cache_queries_total")
    before = [served.value(name) for name in names]
    ended = served.value("request_success_total", finish_reason="length")
    await generate(served, PROMPTS[0], max_tokens=5, ignore_eos=True)
    read = len(served.model.codec.encode(PROMPTS[0]))
    assert [served.value(name) - then for name, then in zip(names, before, strict=True)] == [5, 1, read]
    assert served.value("request_success_total", finish_reason="length") == ended + 1
    assert served.value("batch_size_count") > 0


async def test_scores_are_those_of_a_plain_forward(served, reference):
    encode = served.model.codec.encode
    condition = encode(PROMPTS[1])
    items = [(condition, encode(" your documents", special=False)), ((), encode("A red", special=False))]
    items += [((7,), (8,)), ([5] * 600, [6] * 400)]
    answers, timings = await served.model.scorer.submit(items, None)
    for (given, targets), answer in zip(items, answers, strict=True):
        prefix = [*given] or [reference.config.bos_token_id]
        with torch.inference_mode():
            rows = reference(torch.tensor([[*prefix, *targets]])).logits[0].log_softmax(-1)
        wanted = [float(rows[len(prefix) - 1 + i, token]) for i, token in enumerate(targets)]
        assert answer == pytest.approx(wanted, abs=2e-3)
    assert timings.prefill_ms > 0
    assert await running(served, 0)


async def test_the_model_says_what_it_can_do(served, reference):
    info, config = served.model.info, reference.config
    assert info.engine == served.name
    assert info.engine_reason.partition(";")[0] == "test"
    assert (info.context_length, info.vocabulary_size) == (config.max_position_embeddings, config.vocab_size)
    assert info.capabilities == {
        Capability.GENERATE,
        Capability.CHAT,
        Capability.SCORE,
        Capability.TOKENIZE,
    }
    assert info.parameter_count == sum(parameter.numel() for parameter in reference.parameters())
