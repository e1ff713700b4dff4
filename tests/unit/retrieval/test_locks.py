import threading

import pytest
from retrieval.locks import SharedLock


def start(target: "threading.Thread | object") -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_many_share_and_one_excludes() -> None:
    lock, entered = SharedLock(), threading.Event()

    def write() -> None:
        with lock.exclusive():
            entered.set()

    with lock.shared():
        with_other = threading.Event()

        def share() -> None:
            with lock.shared():
                with_other.set()

        start(share).join(5)
        assert with_other.is_set()
        writer = start(write)
        assert not entered.wait(0.05)
    writer.join(5)
    assert entered.is_set()


def test_a_waiting_writer_keeps_new_readers_out() -> None:
    lock, order = SharedLock(), []

    def write() -> None:
        with lock.exclusive():
            order.append("write")

    def read() -> None:
        with lock.shared():
            order.append("read")

    with lock.shared():
        writer = start(write)
        while not lock._waiting:
            pass
        reader = start(read)
        reader.join(0.05)
        assert order == []
    writer.join(5)
    reader.join(5)
    assert order == ["write", "read"]


def test_who_cannot_wait_shares_what_is_shared_and_is_told_of_the_rest() -> None:
    lock = SharedLock()
    with lock.shared(), lock.shared_at_once() as held:
        assert held
        writing = lock.exclusive()
        writer = start(writing.__enter__)
        while not lock._waiting:
            pass
        with lock.shared_at_once() as late:
            assert not late
    writer.join(5)
    assert lock._exclusive
    with lock.shared_at_once() as held:
        assert not held


def test_an_error_inside_lets_go() -> None:
    lock = SharedLock()
    for side in (lock.shared, lock.exclusive):
        with pytest.raises(RuntimeError), side():
            raise RuntimeError
    with lock.exclusive():
        pass
