import pytest
from textgen.tools.formats import detect, syntax_of

# What tells the templates of these models apart, in the words of each.
HERMES = (
    '{{- "within <tool_call></tool_call> XML tags:\\n<tool_call>\\n'
    '{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call>" }}'
)
LLAMA = (
    "{{- 'Environment: ipython' }}{{- '{\"name\": \"' + tool_call.name + '\", ' }}"
    "{{- '\"parameters\": ' }}{{- tool_call.arguments | tojson }}"
)
NEMO = '{{- "[TOOL_CALLS][" }}{{- tool_call.function|tojson }}'
SMALL = '{{- "[TOOL_CALLS] [" }}{{- tool_call.function|tojson }}'
MAGISTRAL = '{{- "[TOOL_CALLS]" + name + "[ARGS]" + arguments }}'
XML = "<tool_call>\\n<function=example>\\n<parameter=a>\\nvalue\\n</parameter>{{ tool_call.arguments }}"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (HERMES, "hermes"),
        (LLAMA, "llama"),
        ("{{ '<|python_tag|>' }}", "llama"),
        *((template, "mistral") for template in (NEMO, SMALL, MAGISTRAL)),
        (XML, None),
        ("{% for tool in tools %}{{ tool | tojson }}{% endfor %}", None),
    ],
)
def test_a_template_tells_the_syntax(template, name) -> None:
    assert detect(template) == name
    assert (syntax_of(template) is None) == (name is None)


def test_the_name_of_a_syntax_counts_more_than_the_template() -> None:
    assert syntax_of(HERMES, "llama").markers == ("<|python_tag|>",)
    assert syntax_of("", "hermes").markers == ("<tool_call>", "</tool_call>")


def test_mistrals_spelling_is_the_templates() -> None:
    assert syntax_of(NEMO).spelling.first == "[TOOL_CALLS]["
    assert syntax_of(SMALL).spelling.first == "[TOOL_CALLS] ["
    assert syntax_of(MAGISTRAL).spelling.after_name == "[ARGS]"
