import asyncio
import json
import threading

import pytest
from gateway.admission import quota
from gateway.admission.quota import QuotaKeeper, Quotas, load_quotas, save_quotas


def test_each_day_counts_from_nothing():
    quotas = Quotas()
    quotas.add("ann", 5, day=1)
    quotas.add("ann", 6, day=1)
    assert (quotas.used("ann", 1), quotas.used("ann", 2), quotas.used("bob", 1)) == (11, 0, 0)
    quotas.add("ann", 1, day=2)
    assert (quotas.used("ann", 1), quotas.used("ann", 2)) == (0, 1)


def test_what_was_taken_yesterday_is_not_given_back_today():
    quotas = Quotas()
    quotas.add("ann", 5, day=2)
    quotas.add("ann", -3, day=1)
    assert quotas.used("ann", 2) == 5
    quotas.add("ann", -9, day=2)
    assert quotas.used("ann", 2) == 0


def test_a_restart_remembers(tmp_path):
    path = tmp_path / "made" / "quotas.json"
    assert load_quotas(path).used("ann", 1) == load_quotas(None).used("ann", 1) == 0
    quotas = Quotas()
    quotas.add("ann", 5, day=1)
    assert quotas.changed
    save_quotas(path, quotas.state())
    assert not quotas.changed
    assert load_quotas(path).used("ann", 1) == 5
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"day": 1, "tokens": {"ann": -1}})])
def test_a_damaged_file_is_told(tmp_path, text):
    path = tmp_path / "quotas.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no quotas"):
        load_quotas(path)


async def test_what_could_not_be_saved_is_saved_later(tmp_path):
    path = tmp_path / "folder" / "quotas.json"
    path.parent.write_text("in the way")
    quotas = Quotas()
    keeper = QuotaKeeper(quotas, path)
    quotas.add("ann", 5, day=1)
    await keeper.save()
    path.parent.unlink()
    await keeper.save()
    assert load_quotas(path).used("ann", 1) == 5


async def test_the_last_count_is_kept_when_an_earlier_one_is_still_being_written(tmp_path, monkeypatch):
    path = tmp_path / "quotas.json"
    begun, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(path, use):
        begun.set()
        assert goes_on.wait(10)
        save_quotas(path, use)
        ended.set()

    quotas = Quotas()
    keeper = QuotaKeeper(quotas, path)
    quotas.add("ann", 5, day=1)
    monkeypatch.setattr(quota, "save_quotas", slow)
    first = asyncio.create_task(keeper.save())
    assert await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    monkeypatch.undo()
    quotas.add("ann", 1, day=1)
    last = asyncio.create_task(keeper.save())
    await asyncio.wait([last], timeout=0.05)
    goes_on.set()
    await last
    assert await asyncio.to_thread(ended.wait, 10)
    assert load_quotas(path).used("ann", 1) == 6
