"""A process that damages segments' files in copies of a store and searches each; it prints how many were put aside.

Anything but the right answers ends it.
"""

import random
import shutil
import sys
from pathlib import Path

import numpy as np
import structlog
from retrieval.domain import Collection, Effort
from stack import Stack, document, open_stack

DOCUMENTS = 60
REBUILT_EVERY = 25  # building takes long beside the rest
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


def damage(files: list[Path], source: random.Random) -> None:
    path = source.choice(files)
    data = bytearray(path.read_bytes())
    place = source.randrange(len(data))
    match source.choice(["bit", "bit", "bytes", "cut", "longer", "gone", "another"]):
        case "bit":
            data[place] ^= 1 << source.randrange(8)
        case "bytes":
            data[place : place + 8] = source.randbytes(8)
        case "cut":
            del data[place:]
        case "longer":
            data += source.randbytes(8)
        case "gone":
            path.unlink()
            return
        case _:
            data[:] = source.choice(files).read_bytes()
    path.write_bytes(data)


def check(stack: Stack, books: Collection) -> None:
    numbers = [number for number in range(DOCUMENTS) if number % 5]
    vectors = np.stack([document(number).chunks[0].vector for number in numbers])
    for probe in (0, 7, 31):
        query = document(1000 + probe).chunks[0].vector
        assert query is not None
        with stack.indexes.lock.shared():  # a segment that was put aside is being built anew
            [(ids, _)] = stack.index(books).search(query[None, :], 5, None, Effort.EXACT)
        with stack.store.reading() as reader:
            found = [reader.chunk_names(ids)[int(number)] for number in ids]
        nearest = (-(vectors @ query)).argsort()[:5]
        assert found == [f"d{numbers[place]}#0" for place in nearest], found
    assert stack.verify(books) == []


def main(folder: Path, first: int, count: int) -> None:
    stack = open_stack(folder / "pristine")
    books = stack.make()
    for start in range(0, DOCUMENTS, 20):
        stack.put(books, start, 20)
        stack.settle()
    stack.delete(books, range(0, DOCUMENTS, 5))
    stack.settle()
    stack.close()
    refused = 0
    for seed in range(first, first + count):
        copy = folder / str(seed)
        shutil.copytree(folder / "pristine", copy)
        damage(sorted(path for path in (copy / "segments").iterdir() if path.is_file()), random.Random(seed))
        print(seed, file=sys.stderr, flush=True)  # the last line tells which one ended it
        stack = open_stack(copy)
        check(stack, books)
        refused += any((copy / "segments" / "quarantine").iterdir())
        if seed % REBUILT_EVERY == 0:
            stack.settle()
            check(stack, books)
        stack.close()
        shutil.rmtree(copy)
    print(refused)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
