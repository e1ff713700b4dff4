from pathlib import Path

import pytest
from serving.lora_files import rank_and_scale, read_bounded
from serving.loras import LoraLimit, LoraUnfit

CONFIG = {"r": 4, "lora_alpha": 8}


def test_rank_and_scale() -> None:
    assert rank_and_scale(CONFIG, 4) == (4, 2.0)
    assert rank_and_scale({**CONFIG, "use_rslora": True}, 4) == (4, 4.0)
    assert rank_and_scale({**CONFIG, "use_dora": False, "new": None, "other": {}}, 4) == (4, 2.0)
    with pytest.raises(LoraLimit, match="over 3"):
        rank_and_scale(CONFIG, 3)


@pytest.mark.parametrize(
    "changes", [{"use_dora": True}, {"new": 1}, {"bias": "all"}, {"r": 0}, {"lora_alpha": float("nan")}]
)
def test_what_is_not_served_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LoraUnfit):
        rank_and_scale({**CONFIG, **changes}, 4)


def test_a_file_is_read_within_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"xyz")
    assert read_bounded(path, 3) == b"xyz"
    with pytest.raises(LoraLimit, match="a is over 2 bytes"):
        read_bounded(path, 2)
    with pytest.raises(LoraUnfit, match="there is no b"):
        read_bounded(tmp_path / "b", 3)
    with pytest.raises(LoraUnfit, match="there is no"):
        read_bounded(tmp_path, 3)
