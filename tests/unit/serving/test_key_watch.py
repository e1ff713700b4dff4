import errno
import os
from pathlib import Path
from unittest.mock import Mock

import pytest
from serving.auth import KeyStore
from serving.errors import Unauthenticated
from serving.key_watch import LOOK_EVERY_S, KeyWatch
from serving.keys import digest
from structlog.testing import capture_logs


def write(path, *names, more=""):
    text = "".join(f'[[keys]]\nname = "{name}"\nsha256 = "{digest(name)}"\n{more}\n' for name in names)
    beside = path.with_name("beside")
    beside.write_text(text)
    beside.replace(path)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "keys.toml"
    write(path, "ann")
    return path


@pytest.fixture
def store(path, clock):
    watch = KeyWatch(path, clock)
    return KeyStore(watch.first.keys, watch.first.tenants, watch=watch)


def test_keys_come_and_go_while_the_server_runs(path, clock, store):
    write(path, "bob")
    assert store.authenticate("ann").name == "ann"  # not looked at again yet
    clock.now += LOOK_EVERY_S
    with pytest.raises(Unauthenticated):
        store.authenticate("ann")
    assert store.authenticate("bob").name == "bob"


def test_a_file_that_cannot_be_read_changes_nothing(path, clock, store):
    for damage in (lambda: path.write_text("[[keys]]\nname = 1"), path.unlink):
        damage()
        clock.now += LOOK_EVERY_S
        assert store.authenticate("ann").name == "ann"
    write(path, "ann", more="revoked = true")
    clock.now += LOOK_EVERY_S
    with pytest.raises(Unauthenticated):
        store.authenticate("ann")


def test_a_file_that_could_not_be_opened_is_tried_again(path, clock, store, monkeypatch):
    write(path, "ann", more="revoked = true")
    with monkeypatch.context() as full, capture_logs() as logs:
        full.setattr(Path, "read_text", Mock(side_effect=OSError(errno.EMFILE, "too many open files")))
        for _ in range(3):
            clock.now += LOOK_EVERY_S
            assert store.authenticate("ann").name == "ann"
    assert [entry["event"] for entry in logs] == ["keys_not_read_again"]
    clock.now += LOOK_EVERY_S
    with pytest.raises(Unauthenticated):
        store.authenticate("ann")


def test_what_has_not_changed_is_not_read(path, clock):
    watch = KeyWatch(path, clock)
    clock.now += LOOK_EVERY_S
    assert watch.changed() is None
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    clock.now += LOOK_EVERY_S
    assert watch.changed() is not None
    clock.now += LOOK_EVERY_S
    assert watch.changed() is None
