import json

import pytest
import typer.main
from google.protobuf import json_format, text_format
from quadrille.gateway.v1 import rag_pb2, rewriting_pb2
from quadrille_cli.app import app
from quadrille_client.types.rag import AskOptions
from typer.testing import CliRunner

OWN = {
    ("ask",): {"questions", "collection", "where", "name", "as_json"},
    ("eval", "rag"): {"questions", "documents", "collection", "limit", "brief", "at_once", "as_json"},
    ("eval", "red-team"): {"defence", "at_once", "as_json"},
}


@pytest.mark.parametrize("path", OWN)
def test_options_that_are_no_commands_own_are_the_clients_by_name(path):
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    assert {parameter.name for parameter in command.params} - AskOptions.__optional_keys__ == OWN[path]


def test_what_is_given_is_asked_for_and_the_rest_left_out(address):
    given = (
        "--passages 7 --mode lexical --where lang=en --mmr 0.5 --rerank judge --min-relevance 0.25 --support lexical "
        "--supported-only --defence omit --model m --temperature 0.5 --max-tokens 9 --seed 3"
    )

    def asked(*options):
        told = ["--address", address, "ask", "why?", "--json", *options]
        *_, end = CliRunner().invoke(app, told).stdout.splitlines()
        return text_format.Parse(json.loads(end)["model"], rag_pb2.AskRequest())

    least = rag_pb2.AskRequest(collection="docs", question="why?", supported_only=False)
    least.rewrite.method = rewriting_pb2.REWRITE_METHOD_HISTORY
    assert asked() == least
    most = {
        "top_k": 7,
        "mode": "SEARCH_MODE_LEXICAL",
        "filter": {"all": {"filters": [{"condition": {"field": "lang", "equals": "en"}}]}},
        "mmr": {"relevance_weight": 0.5},
        "rerank": {"model": "judge"},
        "min_relevance": 0.25,
        "support_method": "SUPPORT_METHOD_LEXICAL",
        "supported_only": True,
        "injection_defence": "INJECTION_DEFENCE_OMIT",
        "model": "m",
        "sampling": {"temperature": 0.5, "max_tokens": 9, "seed": 3},
    }
    assert asked(*given.split()) == json_format.ParseDict(most, least)
