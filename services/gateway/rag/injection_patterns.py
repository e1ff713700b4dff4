"""How people write orders to a model into a text, by kind. Patterns are of texts in lower case."""

import re

# No pattern begins with any number of line breaks: tried at each of a run of them, it would take the run's square.
# Some words between, within a sentence.
_ANY = r"[^.!?\n]{0,80}?"
_START = r"(?:^|[.!?:;#>\]]\s*|\n[^\S\n]*)(?:(?:please|kindly|now|always|just|simply|only|instead),?\s+){0,2}"
_WHICH = (
    r"(?:(?:all|any|every|each|of|the|these|those|this|that|your|my|our|previous|prior|preceding|above|earlier|former|"
    r"foregoing|initial|original|system|other|existing|current|safety|\w+['’]s)\s+){1,6}"
)
_BEFORE = r"(?:(?:all|any|of|the|your)\s+){0,3}(?:previous|prior|preceding|above|earlier|foregoing|other)\s+"
_REFUSE = (
    r"\b(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|stop\s+following|"
    r"disobey|skip|(?:do\s+not|don['’]t|never)\s+(?:follow|obey|listen\s+to))\s+"
)
_ORDERS = (
    r"(?:instructions?|prompts?|guidelines?|directions?|directives?|rules|commands?|orders|constraints|"
    r"polic(?:y|ies)|guidance)"
)
_MACHINE = (
    r"(?:ai|llm|gpt|chatgpt|chatbot|bot|summari[sz]er|(?:large\s+)?language\s+model|"
    r"(?:ai|virtual|chat)\s+(?:assistant|model|system|agent))s?"
)
_SAY = r"(?:answer|reply|respond|say|output|print|tell|state|claim|write|recommend)"
_HOW = r"\s+(?:only|exactly|simply|with|that|the\s+following|nothing\s+but)\b"
_ANSWER = r"(?:answers?|repl(?:y|ies)|responses?|outputs?)"
_QUESTION = r"(?:questions?|quer(?:y|ies)|prompts?|requests?)"
_NOT = r"(?:never|do\s+not|don['’]t)"

# Kinds after which the rest of a paragraph is taken for what they lead up to.
LEADING = frozenset({"override", "persona", "address"})
_KINDS: dict[str, tuple[str, ...]] = {
    "override": (
        rf"{_REFUSE}{_WHICH}{_ORDERS}\b",
        rf"{_REFUSE}{_BEFORE}(?:text|context|messages?|documents?|passages?|questions?|content|conversation)\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+(?:that\s+)?(?:was\s+|is\s+)?(?:above|before|said|written|you)\b",
        r"\b(?:new|updated|revised|real|actual|override)\s+(?:system\s+)?(?:instructions?|prompt|tasks?|directives?|objective)\s*[:#]",
        rf"\byour\s+(?:initial|original|previous|prior|earlier|hidden|secret|real|actual)\s+{_ORDERS}\b",
        r"\byour\s+(?:instructions|prompt|directives|programming)\s+(?:have|has|are|is|were|was)\b",
        rf"\b(?:previous|prior|earlier)\s+(?:guidance|{_ORDERS})\s+(?:is|are|were|was|no\s+longer|have\s+been)\s+(?:now\s+)?(?:void|invalid|outdated|cancel\w*|a\s+test|appl\w+|revoked|replaced)\b",
        r"\b(?:ignore|disregard|forget)\s+(?:what|whatever|anything|everything)\s+(?:\w+\s+){0,3}(?:told|said|instructed|asked|ordered)\b",
        r"\b(?:ignore|disregard)\s+(?:the\s+)?(?:user(?:['’]s)?\s+)?(?:question|query|request)s?\b",
        r"\beverything\s+(?:above|before)\s+this\b|\binstructions?\s+(?:are|is)\s+(?:hereby|now)\b",
        r"\bno\s+longer\s+(?:bound|restricted|limited)\s+by\b",
        r"\b(?:disobey|defy)\s+(?:the|your)\s+(?:developers?|operators?|owners?|creators?|system|user)\b",
        r"\bthe\s+(?:real|actual|true)\s+instructions?\s+(?:is|are)\b",
        rf"\b(?:supersedes?|overrides?|replaces?|cancels?)\s+(?:all|any|your)\s+(?:the\s+)?(?:previous|prior|earlier|other|existing)\s+{_ORDERS}\b",
        r"\b(?:ignorier|vergiss|missacht|vergess)\w*\s+(?:\w+\s+){0,4}(?:anweisung|instruktion|befehl|vorgabe|regel)\w*",
        r"\b(?:ignor|olvid|desobedec|oubli|dimentic|esqueç)\w*\s+(?:\w+\s+){0,4}(?:instruc|instruç|istruzion|órden|orden|consign|reglas|règles|regole)\w*",
        r"(?:忽略|无视|無視|忘记)[^。\n]{0,12}(?:指令|指示|提示|规则)",
        r"(?:指示|命令|プロンプト|ルール)[^。\n]{0,8}(?:無視|忘れ)",
        r"\b(?:игнорируй|забудь)\w*\s+(?:\w+\s+){0,4}(?:инструкци|указани|правил)\w*",
    ),
    "persona": (
        rf"\byou\s+are\s+(?:now|no\s+longer|actually|really)\s+(?:an?\s+|the\s+|in\s+)?(?:\w+\s+){{0,3}}(?:assistant|mode|persona|{_MACHINE}|pirate|hacker|dan)\b",
        r"\b(?:pretend|imagine)\s+(?:that\s+)?you\b|\bpretend\s+to\s+be\b",
        r"\b(?:respond|answer|reply|write|speak|talk)\s+as\s+(?:though|if)\s+you\b",
        r"\b(?:act|behave|role-?play)\s+(?:as\s+if|as\s+though|like|as)\s+(?:you\b|(?:an?|the)\s+(?:\w+\s+){0,2}(?:assistant|ai|model|hacker|pirate|persona|terminal)\b)",
        r"(?:^|[.!?:]\s+)(?:assume|take\s+on|adopt)\s+the\s+(?:role|identity|persona)\s+of\b",
        r"\b(?:enter|activate|enable|switch\s+(?:in)?to)\s+(?:developer|dan|god|jailbreak|unrestricted|unfiltered)\s+mode\b",
        r"\b(?:dan|jailbreak|jailbroken|god|developer)\s+mode\s+(?:on|enabled|activated)\b",
        rf"\bfrom\s+(?:now|this\s+(?:point|moment))\s+on(?:wards?)?,?\s+(?:you\b|{_SAY}\b|your\b)",
        r"\byou\s+(?:will|shall|must)\s+now\s+(?:answer|respond|reply|speak|act|behave|only|be|obey|write|pretend)\b",
        r"\byou\s+have\s+been\s+(?:updated|reprogrammed|hacked|jailbroken|freed|reset)\b|\byour\s+name\s+is\s+now\b",
        r"\bi\s+am\s+(?:the|your|an?)\s+(?:\w+\s+)?(?:developer|administrator|admin|creator)\b[^.!?\n]{0,60}\b(?:enable|reveal|disable|obey|unlock|print)\b",
    ),
    "disclosure": (
        rf"\b(?:reveal|print|repeat|output|show|leak|disclose|display|tell|send|expose|recite|translate|describe)\b{_ANY}\b(?:system|hidden|initial|original|secret)\s+(?:prompt|instructions?|messages?)\b",
        rf"\b(?:reveal|print|repeat|output|leak|disclose|send|expose|recite)\b{_ANY}\byour\s+(?:\w+\s+)?(?:prompt|instructions|configuration)\b",
        r"\b(?:translate|repeat|recite|encode|output)\s+(?:the\s+|all\s+(?:the\s+)?)?(?:above|previous|preceding)\s+(?:instructions|text|words|prompt|messages?)\b",
        r"\b(?:contents?|text)\s+of\s+(?:your|the)\s+(?:system|initial|hidden)\s+(?:message|prompt)\b",
        r"\brepeat\s+(?:the\s+|all\s+(?:the\s+)?)?(?:words|text|everything)\s+above\b",
        rf"\b{_NOT}\s+(?:mention|reveal|tell|disclose|say)\b{_ANY}\b(?:(?:these|this|your|hidden)\s+(?:instructions?|prompt|note|message)|contains?\s+instructions)\b",
    ),
    "role": (
        r"<\|(?:im_start|im_end|system|user|assistant|documents|end|endoftext|eot_id|start_header_id)\|>",
        r"\[/?inst\]|<</?sys>>|</?(?:system|assistant)>",
        r"^[^\S\n]*(?:#+[^\S\n]*)?(?:assistant|system\s+(?:prompt|message|override|notice|note))\s*:",
        r"\b(?:begin|start|end)\s+(?:of\s+)?(?:the\s+)?(?:admin|administrator|system|developer|root|hidden|secret)\s+(?:message|prompt|instructions?|override)\b",
    ),
    "address": (
        rf"\b(?:note|notice|message|memo|instructions?|attention|warning|important|reminder)\s*(?:to|for|,|:|-)?\s*(?:all\s+|any\s+|the\s+)?{_MACHINE}\b",
        rf"(?:^|[.!?:;#>\]]\s*)(?:hey|hi|hello|dear|listen|attention|ok(?:ay)?),?\s+(?:dear\s+)?(?:{_MACHINE}|assistant|model)\b",
        rf"\b(?:if|when|since|because)\s+you\s+are\s+(?:an?\s+|the\s+)?(?:{_MACHINE}|assistant)\b",
        rf"\bas\s+an?\s+{_MACHINE}\b,?\s+(?:you|it\s+is\s+your)\b",
        rf"\b(?:any|every|each|all)\s+{_MACHINE}\s+(?:reading|processing|seeing|that\s+(?:reads?|sees?|process\w*))\b",
        r"\b(?:orders|instructs|requires|commands|asks|tells)\s+(?:the|any|every)\s+(?:ai|assistant|chatbot|language\s+model)s?\b",
        rf"\bto\s+comply\b{_ANY}\b(?:model|assistant|ai|chatbot)\s+(?:must|should|shall|has\s+to)\b",
        r"\bif\s+you\s+(?:can\s+)?(?:read|see|are\s+reading)\s+this\b",
        r"\bthe\s+following\s+is\s+(?:an?\s+|the\s+)?(?:new\s+)?(?:system|developer|admin)\s+(?:instruction|prompt|message)\b",
        rf"\b(?:{_MACHINE}|assistants?)(?:\s+reading\s+this)?\s*(?:,|:|must|should|shall|has\s+to|have\s+to|(?:is|are)\s+(?:required|instructed|ordered)\s+to)\s+(?:\w+ly\s+|always\s+|never\s+|now\s+|not\s+|instead\s+|only\s+|please\s+)?(?:{_SAY}|ignore|disregard|forget|include|add|refuse|mention|disclose|praise)\b",
    ),
    "answer": (
        rf"\byou\s+(?:must|should|will|shall|have\s+to|need\s+to)\s+(?:\w+ly\s+|always\s+|now\s+|only\s+|instead\s+)?(?:{_SAY})(?:{_HOW}|\s*[\"“‘':])",
        rf"(?:^|[.!?:]\s+)(?:always|please|just|simply|instead,?|now)\s+(?:{_SAY})(?:{_HOW}|\s*[\"“‘':])",
        r"(?:^|[.!?:]\s+)(?:say|answer|reply|respond)(?:\s+(?:only|exactly|simply|with|nothing\s+but)\b|\s*[\"“‘':])",
        rf"\b(?:when|if|whenever)\s+(?:(?:you\s+are|you['’]re|anyone|someone|the\s+user|a\s+user|users?|they)\s+)?(?:asked|asks?)\b{_ANY}\b(?:answer|reply|respond|say|tell|claim)\b",
        rf"\b(?:when|whenever|if)\s+(?:you\s+(?:are\s+)?)?(?:summari[sz](?:e|ing)|answer(?:ing)?|respond(?:ing)?\s+to|reply(?:ing)?\s+to)\s+(?:this|the|these|any|such)\s+(?:\w+\s+)?(?:documents?|passages?|texts?|pages?|articles?|emails?|{_QUESTION})\b",
        rf"\b(?:end|begin|start|finish|preface|append|prepend|sign)\s+(?:all\s+of\s+)?(?:your|every|each|all)\s+(?:\w+\s+)?{_ANSWER}\s+(?:with|by)\b",
        rf"\b(?:answers?|responses?|repl(?:y|ies)|respond|reply)\s+(?:to\s+|for\s+)?(?:every|any|all|each)\s+(?:of\s+the\s+)?{_QUESTION}\b",
        rf"{_START}(?:recommend|mention|include|add|insert|append|say|praise|promote|advertise|put|write)\b{_ANY}\b(?:in|to|into)\s+(?:your|every|each|all)\s+(?:\w+\s+)?{_ANSWER}\b",
        rf"\b(?:in|to)\s+your\s+{_ANSWER},?\s+(?:you\b|include|add|mention|always|never|do\s+not|don['’]t)",
        rf"\b{_NOT}\s+(?:mention|name|cite|use)\b{_ANY}\bin\s+(?:your|the|any)\s+{_ANSWER}\b",
        rf"\b(?:change|replace|set|alter)\s+your\s+{_ANSWER}\b",
        rf"\byour\s+(?:next\s+|final\s+|only\s+)?{_ANSWER}\s+(?:must|has\s+to|have\s+to|needs?\s+to|is\s+to|shall|will)\b",
        rf"\b(?:only|sole)\s+(?:valid|permitted|allowed|acceptable)\s+(?:request|instruction|{_ANSWER})\b",
        r"\bnever\s+(?:answer|reply|respond)\s+with\b|\banything\s+(?:but|other\s+than|except)\s+the\s+(?:word|phrase|sentence)\b",
        r"\b(?:respond|reply)\s+to\s+this\s+(?:document|text|passage|page)\b|\ball\s+(?:answers|replies)\s+(?:must|have\s+to)\b",
        rf"\bfor\s+(?:all|every|any)\s+(?:further|following|future|other|subsequent|later)\s+{_QUESTION}\b",
        rf"{_START}{_SAY}\b{_ANY}\b(?:and\s+nothing\s+(?:else|more)|verbatim|from\s+(?:here|now)\s+on|in\s+base64)\b",
        r"(?:^|[.!?:]\s+)only\s+(?:answer|reply|respond|say)\b",
        r"(?:^|[.!?:]\s+)(?:reply|respond|answer)\s+(?:only\s+)?(?:with|in)\s+(?:the\s+single|one\s+word|base64|capitals|rhymes?|riddles)\b",
        r"\b(?:must|should)\s+not\s+use\s+any\s+other\s+(?:documents?|passages?|sources?)\b|\b(?:trust|use|believe)\s+only\s+this\s+(?:document|passage|text)\b|\bonly\s+trust\w*\s+(?:one|document|passage|source)\b",
        rf"\b(?:instead\s+of|stop|refuse\s+to|{_NOT})\s+answer(?:ing)?(?:\s+(?:the|any|this|that)\s+(?:user\b|(?:user['’]s\s+)?{_QUESTION})|\s*,)",
        r"\byour\s+(?:new|real|only|actual|true|sole)\s+(?:task|goal|job|mission|instruction|objective|purpose)(?:\s+now)?\s+is\b|\byour\s+(?:task|goal|job|mission|purpose|objective)\s+is\s+now\b",
    ),
}  # fmt: skip
PATTERNS = {
    kind: re.compile("|".join(f"(?:{each})" for each in some), re.MULTILINE) for kind, some in _KINDS.items()
}
