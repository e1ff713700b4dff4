from datetime import UTC, datetime, timedelta

import pytest
from serving.keys import ApiKey, digest, key_id, new_key, read_keys

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = new_key()


def entry(**changes):
    return ApiKey(name="alice", sha256=digest(KEY), **changes)


def test_all_of_a_file_is_read(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f"""
[[keys]]
name = "alice"
sha256 = "{digest(KEY)}"
tenant = "acme"
priority = 5
expires = 2026-12-01T00:00:00Z
limits = {{ requests_per_minute = 60, concurrent_requests = 4 }}
[tenants.acme]
weight = 2.5
limits = {{ tokens_per_day = 1000 }}
""")
    content = read_keys(path)
    (key,) = content.keys
    assert (key.priority, key.limits.requests_per_minute, key.limits.tokens_per_minute) == (5, 60, None)
    assert (content.tenants["acme"].weight, content.tenants["acme"].limits.tokens_per_day) == (2.5, 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tenants."a/b"]\nweight = 1', "tenants"),
        ("[tenants.a]\nweight = 0", "weight"),
        ("[tenants.a]\nweight = inf", "weight"),
        ("[tenants.a]\nlimits = { tokens_per_minute = 0 }", "tokens_per_minute"),
        ("[tenants.a]\nlimits = { tokens = 1 }", "tokens"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_by_place(tmp_path, text, said):
    path = tmp_path / "keys.toml"
    path.write_text(f"keys = []\n{text}")
    with pytest.raises(ValueError, match=said):
        read_keys(path)


def test_a_key_is_valid_until_it_expires_or_is_revoked():
    later = NOW + timedelta(seconds=1)
    assert entry().admits(NOW)
    assert entry(expires=later).admits(NOW)
    assert not entry(expires=later).admits(later)
    assert not entry(revoked=True).admits(NOW)


def test_times_without_a_zone_are_refused():
    with pytest.raises(ValueError, match="timezone"):
        entry(expires=datetime(2026, 1, 1))


def test_an_id_tells_keys_apart_and_is_not_the_digest():
    assert len({entry().id, key_id(digest(new_key()))}) == 2
    assert len(entry().id) < 64
