"""Re-embedding: a collection's documents, with vectors of another model, in a new collection."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from quadrille_client._sync.listing import all_of
from quadrille_client._sync.rag import RagCalls
from quadrille_client._sync.retrieval import Collections, Documents
from quadrille_client.errors import AbortedError, NotFoundError
from quadrille_client.types.retrieval import Collection, Document, Reembedding

Vectors = Sequence[Sequence[float]]
Embed = Callable[[Sequence[str]], Vectors]

_BATCH_TEXTS = 256
_BATCH_BYTES = 4 * 1024 * 1024
_PAGE_SIZE = 1000


class ReembedCalls(RagCalls):
    """Re-embedding: mixed into the client."""

    collections: Collections
    documents: Documents

    def reembed(
        self,
        source: str,
        target: str,
        *,
        alias: str = "",
        model: str = "",
        embed: Embed | None = None,
        stamp: str = "",
    ) -> Iterator[Reembedding]:
        """Make `target` a copy of `source` with other vectors, then point `alias` at it; yields how far it is.

        It may be stopped at any time, and goes on when it is called again: each copy says of which write it is
        one, so what is there is not embedded twice. Writes to the source meanwhile are followed; the alias moves
        in the moment in which there is nothing to follow. It defaults to `source` where that is an alias.
        Vectors come from `model` at this address, or from `embed`, whose model's stamp is then `stamp`; chunks
        without a vector stay without. Raises ValueError when the target holds what is no copy, when the caller may
        not read all of the source, or when `embed` gives more or fewer vectors than it was given texts.
        """
        first = self.collections.get(source)
        if first.name == target:
            raise ValueError(f"{source!r} is {target!r} already")
        alias = alias or (source if source != first.name else "")
        job = _Job(self, first.name, target, embed, model, stamp)
        job.prepare(first)
        while True:
            origin = self.collections.get(first.name)
            for progress in job.round(origin):
                yield progress
            if job.finish(origin, alias):
                yield replace(job.progress(origin), finished=True)
                return


class _Job:
    def __init__(
        self, client: ReembedCalls, source: str, target: str, embed: Embed | None, model: str, stamp: str
    ) -> None:
        self._client = client
        self._source = source
        self._target = target
        self._embed_with = embed
        self._model = model
        self._stamp = stamp
        self._seen = self._copied = self._deleted = 0

    def progress(self, origin: Collection) -> Reembedding:
        return Reembedding(origin.document_count, self._seen, self._copied, self._deleted)

    def prepare(self, origin: Collection) -> None:
        """Make the target, unless an earlier run has; writes are refused when its stamp is another."""
        (probe,) = self._embed(["probe"])
        try:
            self._client.collections.get(self._target)
        except NotFoundError:
            # The new dimension may need codes of another length.
            options = {name: value for name, value in origin.index_options.items() if name != "code_bytes"}
            self._client.collections.create(
                self._target,
                len(probe),
                metric=origin.metric,
                embedding_model=self._stamp,
                index=origin.index,
                index_options=options,
            )

    def round(self, origin: Collection) -> Iterator[Reembedding]:
        """Bring the target up to what the source holds now."""
        self._seen = 0
        batch: list[Document] = []
        gone: list[str] = []
        for id, exists in self._differences():
            if not exists:
                gone.append(id)
            elif (document := self._read(id)) is not None:
                batch.append(document)
            if _is_full(batch) or len(gone) == _PAGE_SIZE:
                self._write(batch, gone)
                batch, gone = [], []
                yield self.progress(origin)
        self._write(batch, gone)
        yield self.progress(origin)

    def finish(self, origin: Collection, alias: str) -> bool:
        """Swap the alias; False when the source was written to since the round began."""
        collections = self._client.collections
        if (collections.get(self._source)).last_lsn != origin.last_lsn:
            return False
        if self._seen != origin.document_count:
            hidden = origin.document_count - self._seen
            raise ValueError(f"{hidden} documents of {self._source!r} are not the caller's to read")
        # What is written between that look and the swap is noticed where the alias points to the source.
        expected = origin.last_lsn if alias in origin.aliases else None
        try:
            if alias:
                collections.swap_alias(alias, self._target, expected_lsn=expected)
        except AbortedError:
            return False
        return True

    def _differences(self) -> Iterator[tuple[str, bool]]:
        """Ids to copy (True) and to delete (False), by a merge of both listings."""
        sources, copies = (
            all_of(self._client.documents, name, _PAGE_SIZE) for name in (self._source, self._target)
        )
        source, copy = next(sources, None), next(copies, None)
        while source is not None or copy is not None:
            if copy is None or (source is not None and source.id < copy.id):
                assert source is not None
                self._seen += 1
                yield source.id, True
                source = next(sources, None)
                continue
            if not copy.source_lsn:
                raise ValueError(f"collection {self._target!r} holds {copy.id!r}, which is no copy")
            if source is None or copy.id < source.id:
                yield copy.id, False
            else:
                self._seen += 1
                if copy.source_lsn != source.lsn:
                    yield source.id, True
                source = next(sources, None)
            copy = next(copies, None)

    def _read(self, id: str) -> Document | None:
        try:
            return self._client.documents.get(self._source, id, include_vectors=True)
        except NotFoundError:  # deleted since it was listed
            return None

    def _write(self, batch: list[Document], gone: list[str]) -> None:
        if gone:
            self._deleted += self._client.documents.delete(self._target, ids=gone)
        if not batch:
            return
        texts = [chunk.text for document in batch for chunk in document.chunks if chunk.vector]
        vectors: list[Sequence[float]] = []
        for start in range(0, len(texts), _BATCH_TEXTS):
            vectors += self._embed(texts[start : start + _BATCH_TEXTS])
        fresh = iter(vectors)
        copies = [
            replace(
                document,
                chunks=[replace(c, vector=next(fresh) if c.vector else ()) for c in document.chunks],
                source_lsn=document.lsn,
            )
            for document in batch
        ]
        self._client.documents.upsert(self._target, copies, embedding_model=self._stamp)
        self._copied += len(copies)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if self._embed_with is not None:
            vectors = self._embed_with(texts)
            if len(vectors) != len(texts):
                raise ValueError(f"embed made {len(vectors)} vectors of {len(texts)} texts")
            return vectors
        embedded = self._client.embed(texts, model=self._model, truncate=True)
        self._stamp = embedded.model_stamp
        return embedded.vectors


def _is_full(batch: list[Document]) -> bool:
    texts = sum(len(document.chunks) for document in batch)
    size = sum(len(d.text) + sum(len(chunk.text) for chunk in d.chunks) for d in batch)
    return texts >= _BATCH_TEXTS or size >= _BATCH_BYTES or len(batch) >= _BATCH_TEXTS
