"""Texts to be embedded, of mixed lengths: questions and paragraphs that the repository has."""

import json
import random
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "starter/text/questions/xquad.en.json"
COUNT = 256


def texts() -> list[str]:
    """As many questions (some ten words) as paragraphs (a hundred and more), in no order."""
    paragraphs = [
        paragraph for entry in json.loads(FILE.read_text())["data"] for paragraph in entry["paragraphs"]
    ][: COUNT // 2]
    found = [text for item in paragraphs for text in (item["context"], item["qas"][0]["question"])]
    random.Random(0).shuffle(found)
    return found
