import json

import pytest
from quadrille_cli.app import app
from quadrille_client import Client
from quadrille_client.types.retrieval import Reembedding
from typer.testing import CliRunner


@pytest.fixture
def quadrille(address):
    def invoke(*arguments, to=address, stdin=None):
        return CliRunner().invoke(app, ["--address", to, *arguments], input=stdin, env={"COLUMNS": "200"})

    return invoke


def lines(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_chat_streams_the_answer(quadrille):
    result = quadrille("chat", "hello there", "--system", "be kind")
    assert result.stdout == "you said hello there\n"


def test_chat_without_a_message_is_a_conversation(quadrille):
    result = quadrille("chat", stdin="one\n\ntwo\n")
    assert result.stdout == "you said one\nyou said two\n"


def test_chat_as_json_is_the_stream_and_nothing_else(quadrille):
    events = lines(quadrille("chat", "hi", "--max-tokens", "5", "--json"))
    assert [event["event"] for event in events] == ["started", "delta", "delta", "delta", "finished"]
    assert events[0]["model"] == "echo"
    assert events[-1]["usage"]["prompt_tokens"] == 1


def test_an_error_is_one_sentence_and_status_1(quadrille):
    result = quadrille("chat", "hi", "--temperature", "9.5")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.strip() == "INVALID_ARGUMENT: too hot (field sampling.temperature) [request r-1]"


def test_who_is_turned_away_is_told_why_and_when_to_come_back(quadrille):
    result = quadrille("chat", "wait")
    assert result.exit_code == 1
    advice = "(QUEUE_FULL: try again in 0.02 s)"
    assert result.stderr.strip() == f"RESOURCE_EXHAUSTED: too many requests wait {advice}"


def test_a_request_may_have_a_name(quadrille):
    events = lines(quadrille("chat", "hi", "--name", "letter-17", "--json"))
    assert events[0]["request_id"] == "letter-17"
    assert quadrille("chat", "--name", "letter-17", stdin="one\n").exit_code == 2
    assert quadrille("chat", "hi", "--name", "no spaces").exit_code == 2
    assert quadrille("ask", "why?", "when?", "--name", "letter-17").exit_code == 2


def test_bad_usage_is_status_2(quadrille):
    assert quadrille("chat", "hi", "--temperature", "99").exit_code == 2
    assert quadrille("search", "x", "--mode", "psychic").exit_code == 2
    assert quadrille("ingest", "/no/such/file").exit_code == 2


def test_no_server_is_said_so(quadrille):
    result = quadrille("models", to="127.0.0.1:9")
    assert result.exit_code == 1
    assert "no server answers at 127.0.0.1:9" in result.stderr


def test_ask_shows_passages_answer_citations_and_support(quadrille):
    result = quadrille("ask", "why?", "-c", "docs")
    assert "[1] a.md bytes 0-5: Grass…" in result.stdout
    assert "Because [1]." in result.stdout
    assert "[1] answer bytes 0-7 rest on a.md bytes 0-5" in result.stdout
    assert "grounded 1.00: 1 of 1 sentences" in result.stdout


def test_ask_as_json(quadrille):
    events = lines(quadrille("ask", "why?", "--json"))
    assert [item["event"] for item in events] == [
        "retrieved",
        "answer_delta",
        "answer_delta",
        "citation",
        "sentence_support",
        "ask_finished",
    ]


def test_ask_tells_what_is_left_out_suspicious_and_unsupported(quadrille):
    options = ("-c", "a", "-c", "b", "--defence", "mark", "--supported-only", "--support", "relevance")
    said = quadrille("ask", "why?", *options).stdout
    assert "reads like an instruction: role\n" in said
    assert "left out: a#9 (no room)\nleft out: b#9 (no room)" in said
    assert "answer bytes 0-8 repeat an instruction (0.00)" in said
    assert "no answer: the model found no answer in the passages" in said
    assert "answer bytes 0-8 are not supported (0.00)" in quadrille("ask", "why?", "--supported-only").stdout


def test_further_questions_are_asked_with_those_before_them(quadrille):
    said = quadrille("ask", "why?", "and when?").stdout
    assert said.count("grounded 1.00") == 2
    assert "searched for: why? Because [1]. and when? (history)" in said


def test_ingest_walks_folders_and_tells_of_refusals(quadrille, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("good")
    (tmp_path / "sub" / "b.txt").write_text("good")
    (tmp_path / "c.bin").write_bytes(b"\0")
    result = quadrille("ingest", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "2 files (2 chunks written) in collection docs" in result.stdout
    (tmp_path / "d.md").write_text("bad")
    result = quadrille("ingest", str(tmp_path), "--json")
    assert result.exit_code == 1
    kinds = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert kinds == ["file_stored", "file_refused", "file_stored", "files_finished"]
    assert "1 files were refused" in result.stderr


def test_ingest_of_nothing_fails(quadrille, tmp_path):
    result = quadrille("ingest", str(tmp_path))
    assert result.exit_code == 1
    assert "no file to ingest" in result.stderr


def test_sync_sends_what_changed_and_removes_what_is_gone(quadrille, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.md", "b.jsonl"):
        (docs / name).write_text("good")
    assert (
        "2 files (2 chunks written), 0 unchanged, 0 removed"
        in quadrille("ingest", str(docs), "--sync").stdout
    )
    assert (
        "0 files (0 chunks written), 2 unchanged, 0 removed"
        in quadrille("ingest", str(docs), "--sync").stdout
    )
    (docs / "a.md").unlink()
    events = lines(quadrille("ingest", str(docs), "--sync", "--json"))
    assert [event["event"] for event in events] == ["file_skipped", "file_removed", "files_finished"]
    (docs / "b.jsonl").unlink()
    result = quadrille("ingest", str(docs), "--sync")
    assert result.exit_code == 1
    assert "no file to ingest" in result.stderr, "an empty folder is not taken for one to forget"
    (docs / "b.jsonl").write_text("good")
    result = quadrille("ingest", str(docs / "b.jsonl"), "--sync")
    assert result.exit_code == 1
    assert "only folders" in result.stderr


def test_documents_are_deleted_by_id_or_metadata(quadrille, tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.md").write_text("good")
    blue = ("--metadata", "team=blue", "--metadata", "year=2020")
    assert quadrille("ingest", str(tmp_path / "a.md"), str(tmp_path / "b.md"), *blue).exit_code == 0
    assert quadrille("ingest", str(tmp_path / "c.md"), "--metadata", "team=blue").exit_code == 0
    assert lines(quadrille("delete", "--where", "team=red", "--where", "team=blue", "--json")) == [
        {"deleted_count": 0}
    ]
    found = lines(quadrille("delete", "--where", "team=blue", "--where", "year=2020", "--json"))
    assert found == [{"deleted_count": 2}]
    assert "1 documents deleted from collection docs" in quadrille("delete", "c.md", "d.md").stdout
    for wrong in ((), ("a.md", "--where", "a=b"), ("--where", "team")):
        assert quadrille("delete", *wrong).exit_code == 2


def test_reembed_makes_a_collection_and_swaps_the_alias(quadrille):
    result = quadrille("reembed", "live", "new")
    assert result.exit_code == 0, result.output
    assert "0 documents embedded, 0 deleted in collection new" in result.stdout
    again = quadrille("reembed", "live", "new")
    assert (again.exit_code, again.stderr.strip()) == (1, "'live' is 'new' already")
    events = lines(quadrille("reembed", "old", "third", "--json"))
    assert [event["finished"] for event in events] == [False, True]


def test_a_reembed_that_is_stopped_says_how_it_goes_on(quadrille, monkeypatch):
    def stopped(*_, **options):
        yield Reembedding(document_count=2, seen_count=1, copied_count=1, deleted_count=0)
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "reembed", stopped)
    result = quadrille("reembed", "live", "new")
    assert result.exit_code == 130
    assert "Stopped; the same command goes on." in result.stderr


def test_search(quadrille):
    assert "a.md#0" in quadrille("search", "grass", "--mode", "lexical").stdout
    (found,) = lines(quadrille("search", "grass", "--top-k", "1", "--json"))
    assert found["hits"][0]["chunk_id"] == "a.md#0"


def test_search_passes_its_options_on(quadrille):
    choice = ("--min-score", "0.5", "--group-size", "2", "--where", "team=blue", "--where", "year=2020")
    told = quadrille("search", "grass", "--mode", "lexical", "--explain", *choice).stdout
    assert "min_score: 0.5 group_by_document { group_size: 2 }" in told
    assert 'field: "team" equals { string_value: "blue" }' in told
    assert "number_value: 2020" in told
    varied = quadrille(
        "search", "grass", "--mode", "lexical", "--explain", "--mmr", "0.25", "--effort", "exact"
    ).stdout
    assert "effort: SEARCH_EFFORT_EXACT" in varied
    assert "mmr { relevance_weight: 0.25 }" in varied
    surely = quadrille("search", "grass", "--mode", "lexical", "--explain", "--effort", "exact").stdout
    assert "effort: SEARCH_EFFORT_EXACT" in surely
    few = quadrille(
        "search", "grass", "--mode", "lexical", "--explain", "--part", "reference", "--part", "vector"
    ).stdout
    assert "parts: HIT_PART_REFERENCE parts: HIT_PART_VECTOR" in few
    assert quadrille("search", "grass", "--mode", "lexical", "--part", "payload").exit_code == 1
    both = quadrille("search", "grass", "--mode", "lexical", "--rerank", "", "--group-size", "2")
    assert (both.exit_code, "group_size" in both.stderr) == (1, True)
    assert quadrille("search", "grass", "--where", "team").exit_code == 2


def test_image_writes_files_named_by_seed(quadrille, tmp_path):
    result = quadrille("image", "a cat", "--out", str(tmp_path), "-n", "2", "--seed", "7")
    assert result.stdout.split() == [str(tmp_path / "7.png"), str(tmp_path / "8.png")]
    assert (tmp_path / "8.png").read_bytes() == b"a cat 8"
    cost = "40 steps in 2.00 s, 0.50 s of them waiting; 0.75 s of the device; batches 50% full; 3.0 J"
    assert " ".join(result.stderr.split()) == cost
    events = lines(quadrille("image", "a cat", "--out", str(tmp_path), "--json"))
    assert [item["event"] for item in events] == ["queued", "progress", "image_result", "images_finished"]
    assert events[2]["path"] == str(tmp_path / "0.png")


def test_image_names_adapters_with_their_scales(quadrille, tmp_path):
    path = str(tmp_path / "cat.png")
    chosen = ("--lora", "dots", "--lora", "lines=-0.5")
    assert quadrille("image", "a cat", "--out", path, "--seed", "7", *chosen).exit_code == 0
    assert (tmp_path / "cat.png").read_bytes() == b"a cat +dots=1 +lines=-0.5 7"
    assert quadrille("image", "a cat", "--out", path, "--lora", "dots=much").exit_code == 2


def test_a_withheld_image_is_told_and_not_written(quadrille, tmp_path):
    result = quadrille("image", "bad", "--out", str(tmp_path), "--seed", "7")
    assert "the image of seed 7 is withheld" in result.stderr
    assert result.stdout == "" and not list(tmp_path.iterdir())


def test_scores_of_files(quadrille, tmp_path):
    for name in ("a.png", "ab.png"):
        (tmp_path / name).write_bytes(name.encode())
    files = [str(tmp_path / name) for name in ("a.png", "ab.png")]
    shown = quadrille("score", *files, "--method", "probability_flow", "--steps", "3").stdout.splitlines()
    assert [line.split()[0] for line in shown[1:]] == ["8.0000", "9.0000"]
    assert shown[2].rstrip().endswith("ab.png")
    found = lines(quadrille("score", *files, "--json"))
    assert [(item["bits_per_dimension"], item["path"]) for item in found] == [(5, files[0]), (6, files[1])]
    assert quadrille("score", str(tmp_path / "none.png")).exit_code == 2


def test_a_single_image_may_be_a_file_whose_name_tells_its_format(quadrille, tmp_path):
    path = tmp_path / "new" / "cat.png"
    assert quadrille("image", "a cat", "--out", str(path), "--seed", "7").stdout.split() == [str(path)]
    assert path.read_bytes() == b"a cat 7"
    assert quadrille("image", "a cat", "--out", str(path), "-n", "2").exit_code == 2
    (tmp_path / "folder.png").mkdir()
    drawn = quadrille("image", "a cat", "--out", str(tmp_path / "folder.png"), "--seed", "7")
    assert drawn.stdout.split() == [str(tmp_path / "folder.png" / "7.png")]


def test_tls_options_go_together(quadrille, certificates):
    ca, key = ("--ca", str(certificates.ca)), ("--key", str(certificates.client.key))
    own = ("--certificate", str(certificates.client.certificate))
    for given in ((*ca, *own), (*ca, *key), (*own, *key)):
        assert quadrille(*given, "models").exit_code == 2
    assert "no server answers" in quadrille(*ca, *own, *key, "models").stderr  # it serves clear text


def test_models(quadrille):
    assert [item["id"] for item in lines(quadrille("models", "--json"))] == ["echo", "paint"]
    assert "EchoForCausalLM" in quadrille("models").stdout


def test_status_tells_health_and_models(quadrille, health):
    (told,) = lines(quadrille("status", "--json"))
    assert told["services"]["quadrille.text.v1.TextService"] is True
    assert "quadrille.retrieval.v1.AdminService" not in told["services"], "this server does not know it"
    assert [model["id"] for model in told["models"]] == ["echo", "paint"]
    health["quadrille.text.v1.TextService"] = False
    result = quadrille("status")
    assert result.exit_code == 1
    assert "NOT_SERVING" in result.stdout
    assert "not serving: quadrille.text.v1.TextService" in result.stderr


def test_the_key_goes_along(address):
    result = CliRunner().invoke(app, ["--address", address, "--api-key", "wrong", "models"])
    assert result.exit_code == 1
    assert "UNAUTHENTICATED" in result.stderr
    assert CliRunner().invoke(app, ["--address", address, "--api-key", "qd-…", "models"]).exit_code == 2
