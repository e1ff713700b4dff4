"""How a family of models writes calls."""

from dataclasses import dataclass

from regex import Pattern

# What may stand between the parts of a call; bounded, so that only so much is ever kept back for it.
GAP = r"\s{0,16}"


@dataclass(frozen=True, slots=True)
class Spelling:
    """Calls as a grammar spells them: first, then each call between `before` and `after`, then last.

    Without `between` there is one call only.
    """

    before_name: str
    after_name: str
    after_arguments: str
    first: str = ""
    between: str | None = None
    last: str = ""


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """Where calls are in a text. The patterns end with the brace that begins a call's object.

    Their group `name`, where it takes part, is the tool's; then the object is the arguments. Otherwise it is the whole
    call, with the members name and arguments (or parameters).
    """

    markers: tuple[str, ...]  # tokens that are text in an answer, whatever the tokenizer holds them for
    opening: Pattern[str]  # a call that follows text
    following: Pattern[str]  # from the end of a call to the next
    closing: Pattern[str]  # what belongs to a call when no other follows
    spelling: Spelling
    start: Pattern[str] | None = None  # a call that begins the answer, where that differs
