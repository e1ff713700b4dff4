"""What a model needs to call tools: its syntax, the tokens of that, and a compiler for answers that must be calls."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from serving.errors import InvalidInput

from textgen.chat import ChatTemplate
from textgen.codec import TokenCodec
from textgen.domain import ChatRequest, GenerationEvent, Sampling, StructuredKind, StructuredOutput
from textgen.structured import StructuredCompiler
from textgen.tools.calls import Tool, ToolMode
from textgen.tools.formats import syntax_of
from textgen.tools.grammar import NO_ARGUMENTS, call_grammar
from textgen.tools.reader import CallReader
from textgen.tools.stream import CallStream
from textgen.tools.syntax import CallSyntax
from textgen.vocabulary import Vocabulary


class ToolCalling:
    """The calls of one model."""

    def __init__(self, syntax: CallSyntax, vocabulary: Vocabulary, compiler: StructuredCompiler) -> None:
        self._syntax = syntax
        self._added = vocabulary.added
        self._compiler = compiler
        # Special tokens that are text in an answer, because calls are known by them.
        self.shown = frozenset(self._added[m] for m in syntax.markers if m in self._added)

    async def read(
        self, events: AsyncGenerator[GenerationEvent, None], request: ChatRequest
    ) -> AsyncGenerator[GenerationEvent, None]:
        """The events of the answer to a request, with its calls told apart from its text."""
        names = frozenset(tool.name for tool in request.tools)
        stream = CallStream(lambda: CallReader(self._syntax, names), parallel=request.parallel_tool_calls)
        async with aclosing(events):
            async for event in events:
                for item in stream.take(event):
                    yield item

    async def sampling(self, request: ChatRequest) -> Sampling:
        """How the answer is sampled: constrained to calls when they are forced.

        InvalidInput for a schema that cannot be enforced, by its field; Overloaded as the compiler has it.
        """
        choice = request.tool_choice
        if not choice.forced:
            return request.sampling
        named = choice.mode is ToolMode.NAMED
        tools = [tool for tool in request.tools if not named or tool.name == choice.name]
        several = request.parallel_tool_calls and not named
        grammar = call_grammar(self._syntax, tools, self._added, several=several)
        output = StructuredOutput(StructuredKind.GRAMMAR, grammar, field="tools")
        try:
            await self._compiler.compile(output, 0)
        except InvalidInput:
            await self._blame(request.tools, tools)
            raise
        return replace(request.sampling, structured_output=output)

    async def _blame(self, tools: Sequence[Tool], used: Sequence[Tool]) -> None:
        """InvalidInput that names the first schema that can't be enforced by itself, if there is one."""
        for place, tool in enumerate(tools):
            if tool in used:
                field, schema = f"tools[{place}].parameters", tool.parameters or NO_ARGUMENTS
                await self._compiler.compile(
                    StructuredOutput(StructuredKind.JSON_SCHEMA, schema, field=field), 0
                )


def tool_calling(
    chat: ChatTemplate, codec: TokenCodec, compiler: StructuredCompiler, name: str
) -> ToolCalling | None:
    """The calls of a model with this chat template, in the syntax of this name (auto: the template's own), if any."""
    syntax = syntax_of(chat.tool_text, name) if chat.knows_tools else None
    return None if syntax is None else ToolCalling(syntax, codec.vocabulary, compiler)
