import json

import pytest
from gateway.admission.quota import Quotas, load_quotas, save_quotas


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
