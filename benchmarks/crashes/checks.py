"""What must hold after every restart."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from quadrille_client import AsyncClient, NotFoundError

from benchmarks.crashes import content
from benchmarks.crashes.ledger import Ledger, State
from benchmarks.crashes.traffic import COLLECTION

_READ = 20  # documents that were touched and are read to the bit
_QUERIES, _K = 5, 10


@dataclass(slots=True)
class Findings:
    """What is wrong, and how many of the true nearest chunks searches returned."""

    wrong: list[str] = field(default_factory=list)
    hits: int = 0
    wanted: int = 0


async def check(
    client: AsyncClient, ledgers: Sequence[Ledger], source: random.Random
) -> tuple[Ledger, Findings]:
    """Compare the store with the ledgers, one of which must fit, then with itself, then by searching.

    Returns that ledger, settled.
    """
    findings = Findings()
    stats = await client.admin.stats()
    found = await _listed(client, findings)
    settled = [(ledger.settle(found, stats["last_lsn"]), ledger) for ledger in ledgers]
    wrong, ledger = min(settled, key=lambda pair: len(pair[0]))
    findings.wrong += wrong
    verified = await client.admin.verify()
    findings.wrong += [f"Verify: {finding}" for finding in verified["findings"]]
    alive = ledger.alive()
    chunks = sum(map(content.chunk_count, alive.values()))
    counts = (stats["document_count"], stats["chunk_count"], stats["vector_count"])
    if counts != (len(alive), chunks, chunks):
        findings.wrong.append(
            f"{counts} documents, chunks and vectors in place of {(len(alive), chunks, chunks)}"
        )
    touched = sorted(ledger.touched())
    for key in source.sample(touched, min(len(touched), _READ)):
        await _read(client, key, alive.get(key), findings)
    await _recall(client, alive, source, findings)
    return ledger, findings


async def _listed(client: AsyncClient, findings: Findings) -> dict[str, State]:
    found, token = {}, ""
    while True:
        page = await client.documents.list(COLLECTION, page_size=1000, page_token=token)
        for item in page.documents:
            generation = int(item.metadata["generation"])
            if item.content_sha256 != content.sha256(item.id, generation):
                findings.wrong.append(f"{item.id}: its text is not that of generation {generation}")
            found[item.id] = State(generation, item.version, item.lsn)
        token = page.next_page_token
        if not token:
            return found


async def _read(client: AsyncClient, key: str, generation: int | None, findings: Findings) -> None:
    """Read a document by its id, by a word of its own and by its vectors."""
    if generation is None:
        try:
            await client.documents.get(COLLECTION, key)
        except NotFoundError:
            return
        findings.wrong.append(f"{key}: found although it does not exist")
        return
    read = await client.documents.get(COLLECTION, key, include_vectors=True)
    if not content.is_whole(read, generation):
        findings.wrong.append(f"{key}: not what generation {generation} is")
    names = {f"{key}#{part}" for part in range(content.chunk_count(generation))}
    for asked, wanted in ((generation, names), (generation - 1, set()), (generation + 1, set())):
        said = await client.search(COLLECTION, text=content.word(key, asked), mode="lexical")
        if {hit.chunk_id for hit in said.hits} != wanted:
            findings.wrong.append(
                f"{key}: the words of generation {asked} are in {said.hits}, not in {wanted}"
            )


async def _recall(
    client: AsyncClient, alive: dict[str, int], source: random.Random, findings: Findings
) -> None:
    if not alive:
        return
    names = [f"{key}#{part}" for key, g in alive.items() for part in range(content.chunk_count(g))]
    held = np.concatenate([content.vectors(key, generation) for key, generation in alive.items()])
    for _ in range(_QUERIES):
        query = held[source.randrange(len(held))] + np.float32(0.01)
        order = np.square(held.astype(np.float64) - query).sum(axis=1).argsort()[:_K]
        said = await client.search(COLLECTION, vector=query.tolist(), mode="dense", top_k=_K)
        if len(said.hits) != len(order):
            findings.wrong.append(f"{len(said.hits)} of {len(order)} chunks that exist were found")
        findings.wanted += len(order)
        findings.hits += len({hit.chunk_id for hit in said.hits} & {names[place] for place in order})
