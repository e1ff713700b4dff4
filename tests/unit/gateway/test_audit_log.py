import json
import stat

import pytest
from gateway.audit.log import AuditLog, Entry
from gateway.audit.spending import begin_spending, spend
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from serving.call import Principal


def entry(method="m", **more):
    fields = {"door": "grpc", "method": method, "request_id": "r", "principal": None, "peer": "p"}
    return Entry(**{**fields, "outcome": "OK", "tokens": 0, "seconds": 0.1, **more})


def test_entries_are_lines_of_json_that_only_their_owner_reads(tmp_path):
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, CollectorRegistry())
    log.write(entry(principal=Principal("alice", "acme"), tokens=7, seconds=1.23456))
    log.write(entry())
    log.close()
    known, unknown = map(json.loads, path.read_text().splitlines())
    assert (known["principal"], known["tenant"], known["tokens"]) == ("alice", "acme", 7)
    assert known["seconds"] == 1.2346
    assert known["time"].endswith("+00:00")
    assert unknown["principal"] is unknown["tenant"] is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_was_moved_away_is_begun_anew_and_none_is_overwritten(tmp_path):
    path = tmp_path / "audit.jsonl"
    for method in ("first", "second"):
        log = AuditLog(path, CollectorRegistry())
        log.write(entry(method))
        log.close()
    assert len(path.read_text().splitlines()) == 2
    log = AuditLog(path, CollectorRegistry())
    path.rename(tmp_path / "old.jsonl")
    log.write(entry("third"))
    log.close()
    assert json.loads(path.read_text())["method"] == "third"


@settings(max_examples=20, deadline=None)
@given(st.text())
def test_whatever_callers_choose_is_one_line_of_bounded_length(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    log = AuditLog(path, CollectorRegistry())
    log.write(entry(text * 100))
    log.close()
    (line,) = path.read_bytes().removesuffix(b"\n").split(b"\n")
    assert json.loads(line)["method"] == (text * 100)[:256]


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        AuditLog(tmp_path / "nowhere" / "audit.jsonl", CollectorRegistry())


def test_what_cannot_be_written_is_counted_and_holds_nobody_up():
    registry = CollectorRegistry()
    log = AuditLog("/dev/full", registry)
    log.write(entry())
    log.close()
    assert registry.get_sample_value("quadrille_gateway_audit_lost_total") == 1


def test_what_does_not_fit_the_queue_is_counted(tmp_path, monkeypatch):
    registry = CollectorRegistry()
    log = AuditLog(tmp_path / "audit.jsonl", registry, most_waiting=2)
    log._writer.stop()  # nothing is taken any more
    for _ in range(5):
        log.write(entry())
    assert registry.get_sample_value("quadrille_gateway_audit_lost_total") == 3
    for handler in log._writer.handlers:
        handler.close()


def test_tokens_are_counted_where_a_count_was_begun():
    spend(5)
    spending = begin_spending()
    spend(2)
    spend(3)
    assert spending.tokens == 5
