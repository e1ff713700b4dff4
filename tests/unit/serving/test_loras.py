import asyncio
import gc
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.errors import AlreadyExists, InvalidInput, NotConfigured, NotFound
from serving.loras import Adapter, LoraLimit, LoraOptions, Loras, LoraUnfit, is_name, split_lora


def read(name, folder, room):
    if name == "bad":
        raise LoraUnfit("it has no worth")
    return Adapter(name, 1, 10, name.encode().hex(), None)


@pytest.fixture
def make(tmp_path):
    for name in ("a", "b", "c", "bad"):
        (tmp_path / name).mkdir()

    def of(reader=read, directory=tmp_path, count=2, size=100):
        return Loras(reader, LoraOptions(directory, max_count=count, max_rank=8, max_bytes=size))

    return of


@given(st.text(max_size=70) | st.from_regex(r"[a-z./\\~-]{1,8}", fullmatch=True))
def test_no_name_leaves_the_directory(name):
    if is_name(name):
        assert (Path("/srv/loras") / name).resolve().parent == Path("/srv/loras").resolve()
        assert 1 <= len(name) <= 64
        assert name.isascii()


def test_some_names():
    assert all(map(is_name, ("a", "A-1_b.c", "x" * 64)))
    assert not any(map(is_name, ("", ".", "..", "-a", "a/b", "a\n", "é", "x" * 65)))


async def test_a_name_is_loaded_found_and_forgotten(make):
    loras = make()
    assert (await loras.load("b")).name == "b"
    await loras.load("a")
    assert loras.names == ("b", "a")
    assert loras.get("a").name == "a"
    loras.unload("b")
    assert loras.names == ("a",)
    for unknown in (loras.get, loras.unload):
        with pytest.raises(NotFound):
            unknown("b")


async def test_what_is_told_is_told_of_the_name(make):
    with pytest.raises(LoraUnfit, match="LoRA adapter 'bad': it has no worth"):
        await make().load("bad")
    with pytest.raises(InvalidInput, match="name: must be"):
        await make().load("../a")
    with pytest.raises(NotFound):
        await make().load("d")
    with pytest.raises(NotConfigured, match="lora_dir"):
        await make(directory=None).load("a")


async def test_another_folder_may_be_given_where_paths_are_trusted(make, tmp_path):
    folders = []
    loras = make(
        lambda name, folder, room: folders.append(folder) or read(name, folder, room), directory=None
    )
    await loras.load("z", tmp_path / "a")
    assert folders == [tmp_path / "a"]
    assert loras.names == ("z",)


async def test_of_two_who_load_the_same_at_once_one_is_refused(make):
    held, reads = threading.Event(), []

    def slow(name, folder, room):
        reads.append(name)
        held.wait(10)
        return read(name, folder, room)

    loras = make(slow)
    both = [asyncio.create_task(loras.load("a")) for _ in range(2)]
    while not reads:
        await asyncio.sleep(0.001)
    held.set()
    results = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Adapter", "AlreadyExists"]
    assert reads == ["a"]
    with pytest.raises(AlreadyExists):
        await loras.load("a")


async def test_as_many_as_may_be(make):
    loras = make()
    for name in ("a", "b"):
        await loras.load(name)
    with pytest.raises(LoraLimit, match="2 adapters"):
        await loras.load("c")
    loras.unload("a")
    await loras.load("c")


async def test_memory_counts_until_nobody_holds_it(make):
    rooms = []
    loras = make(lambda name, folder, room: rooms.append(room) or read(name, folder, room), size=20)
    held = await loras.load("a")
    await loras.load("b")
    loras.unload("a")
    with pytest.raises(LoraLimit, match="memory"):
        await loras.load("c")
    del held
    gc.collect()
    await loras.load("c")
    assert rooms == [20, 10, 10]


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        ("style", ("", "style", None)),
        ("llm/style", ("llm", "style", None)),
        ("org/llm/style = /a/b=c", ("org/llm", "style", Path("/a/b=c"))),
    ],
)
def test_adapters_that_are_loaded_at_start(item, parts):
    assert split_lora(item) == parts
