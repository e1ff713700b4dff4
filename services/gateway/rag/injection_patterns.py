"""How people write orders to a model into a text, by kind. Patterns are of texts in lower case."""

import re

_ANY = r"[^.!?\n]{0,80}?"
_WHICH = (
    r"(?:(?:all|any|every|each|of|the|these|those|this|that|your|my|our|previous|prior|preceding|above|earlier|former|"
    r"foregoing|initial|original|system|other|existing|current|safety)\s+){1,6}"
)
_BEFORE = r"(?:(?:all|any|of|the|your)\s+){0,3}(?:previous|prior|preceding|above|earlier|foregoing)\s+"
_REFUSE = (
    r"\b(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|stop\s+following|"
    r"(?:do\s+not|don['’]t|never)\s+(?:follow|obey|listen\s+to))\s+"
)
_MACHINE = (
    r"(?:ai|llm|gpt|chatbot|bot|(?:large\s+)?language\s+model|"
    r"(?:ai|virtual|chat)\s+(?:assistant|model|system|agent))s?"
)
_SAY = r"(?:answer|reply|respond|say|output|print|tell|state|claim|write|recommend)"
_HOW = r"\s+(?:only|exactly|simply|with|that|the\s+following|nothing\s+but)\b"

# Kinds after which the rest of a paragraph is taken for what they lead up to.
LEADING = frozenset({"override", "persona", "address"})
_KINDS: dict[str, tuple[str, ...]] = {
    "override": (
        rf"{_REFUSE}{_WHICH}(?:instructions?|prompts?|guidelines?|directions?|directives?|rules|commands?|orders|constraints)\b",
        rf"{_REFUSE}{_BEFORE}(?:text|context|messages?|documents?|passages?|questions?|content|conversation)\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+(?:that\s+)?(?:was\s+)?(?:above|before|said|written|you)\b",
        r"\b(?:new|updated|revised|real|actual|override)\s+(?:system\s+)?(?:instructions?|prompt)\s*:",
        r"\b(?:ignorier|vergiss|missacht|vergess)\w*\s+(?:\w+\s+){0,4}(?:anweisung|instruktion|befehl|vorgabe|regel)\w*",
        r"\b(?:ignor|olvid|desobedec|oubli)\w*\s+(?:\w+\s+){0,4}(?:instruc|órden|orden|consign|reglas|règles)\w*",
        r"(?:忽略|无视|忘记)[^。\n]{0,12}(?:指令|指示|提示|规则)",
        r"\b(?:игнорируй|забудь)\w*\s+(?:\w+\s+){0,4}(?:инструкци|указани|правил)\w*",
    ),
    "persona": (
        rf"\byou\s+are\s+(?:now|no\s+longer|actually|really)\s+(?:an?\s+|the\s+|in\s+)?(?:\w+\s+){{0,3}}(?:assistant|mode|persona|{_MACHINE}|pirate|hacker|dan)\b",
        r"\b(?:pretend|act|behave|role-?play)\s+(?:to\s+be|that|as\s+if|as\s+though|like|as)\s+(?:you\b|(?:an?|the)\s+(?:\w+\s+){0,2}(?:assistant|ai|model|hacker|pirate|persona)\b)",
        r"\b(?:dan|jailbreak|jailbroken|god|developer)\s+mode\s+(?:on|enabled|activated)\b",
        rf"\bfrom\s+now\s+on,?\s+(?:you\b|{_SAY}\b|your\b)",
    ),
    "disclosure": (
        rf"\b(?:reveal|print|repeat|output|show|leak|disclose|display|tell|send|expose|recite)\b{_ANY}\b(?:system|hidden|initial|original|secret)\s+(?:prompt|instructions?|messages?)\b",
        rf"\b(?:reveal|print|repeat|output|leak|disclose|send|expose|recite)\b{_ANY}\byour\s+(?:\w+\s+)?(?:prompt|instructions)\b",
    ),
    "role": (
        r"<\|(?:im_start|im_end|system|user|assistant|documents|end|endoftext|eot_id|start_header_id)\|>",
        r"\[/?inst\]|<</?sys>>|</?(?:system|assistant)>",
        r"^\s*(?:#+\s*)?(?:assistant|system\s+(?:prompt|message|override|notice|note))\s*:",
    ),
    "address": (
        rf"\b(?:note|notice|message|memo|instructions?|attention|warning|important|reminder)\s*(?:to|for|,|:|-)?\s*(?:all\s+|any\s+|the\s+)?{_MACHINE}\b",
        rf"\b(?:if|when|since|because)\s+you\s+are\s+(?:an?\s+|the\s+)?(?:{_MACHINE}|assistant)\b",
        rf"\bas\s+an?\s+{_MACHINE}\b,?\s+you\s+(?:must|should|will|have\s+to|need\s+to|are)\b",
        rf"\b(?:{_MACHINE}|assistants?)(?:\s+reading\s+this)?\s*(?:,|:|must|should|has\s+to|have\s+to|(?:is|are)\s+(?:required|instructed|ordered)\s+to)\s+(?:\w+ly\s+|always\s+|now\s+|instead\s+|only\s+|please\s+)?(?:{_SAY}|ignore|include|add)\b",
    ),
    "answer": (
        rf"\byou\s+(?:must|should|will|shall|have\s+to|need\s+to)\s+(?:\w+ly\s+|always\s+|now\s+|only\s+|instead\s+)?(?:{_SAY})(?:{_HOW}|\s*[\"“‘':])",
        rf"(?:^|[.!?:]\s+)(?:always|please|just|simply|instead,?|now)\s+(?:{_SAY})(?:{_HOW}|\s*[\"“‘':])",
        r"(?:^|[.!?:]\s+)(?:say|answer|reply|respond)(?:\s+(?:only|exactly|simply|with|nothing\s+but)\b|\s*[\"“‘':])",
        rf"\b(?:when|if|whenever)\s+(?:(?:you\s+are|you['’]re|anyone|someone|the\s+user|a\s+user|users?|they)\s+)?(?:asked|asks?)\b{_ANY}\b(?:answer|reply|respond|say|tell|claim)\b",
        r"\b(?:end|begin|start|finish|preface|append|prepend)\s+(?:your|every|each|all)\s+(?:\w+\s+)?(?:answers?|repl(?:y|ies)|responses?|outputs?)\s+(?:with|by)\b",
        r"\byour\s+(?:new|real|only|actual|true)\s+(?:task|goal|job|mission|instruction|objective)\s+is\b",
    ),
}  # fmt: skip
PATTERNS = {
    kind: re.compile("|".join(f"(?:{each})" for each in some), re.MULTILINE) for kind, some in _KINDS.items()
}
