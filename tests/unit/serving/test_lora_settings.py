from pathlib import Path

import pytest
from pydantic import ValidationError
from serving.lora_settings import LoraSettings
from serving.loras import LoraOptions


def test_where_none_can_come_there_are_no_options(tmp_path: Path) -> None:
    assert LoraSettings().lora_options is None
    limits = {"max_loras": 2, "max_lora_rank": 3, "max_lora_bytes": 4}
    assert LoraSettings(lora_dir=tmp_path, **limits).lora_options == LoraOptions(tmp_path, 2, 3, 4)
    assert LoraSettings(loras=("a=/b",), **limits).lora_options == LoraOptions(None, 2, 3, 4)


@pytest.mark.parametrize("name", ["", "llm/", ".a", "=/b"])
def test_what_is_no_name_of_an_adapter_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        LoraSettings(loras=(name,))
