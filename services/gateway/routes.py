"""Which capability a method needs."""

import re

# Methods that need another capability than their name says.
_CAPABILITIES = {
    "Detokenize": "tokenize",
    "LoadLora": "generate",
    "UnloadLora": "generate",
    "ListLoras": "generate",
}
# Methods that change a server, so that every one which could answer has to be asked.
EVERYWHERE = frozenset({"LoadLora", "UnloadLora"})


def capability_of(method: str) -> str:
    """The capability, as the contract names it in lower case."""
    return _CAPABILITIES.get(method, re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower())
