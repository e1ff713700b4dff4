"""Vector stores: collections, each with a document that describes it."""

from collections.abc import Sequence
from dataclasses import replace

from serving.errors import InvalidInput, NotFound

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain.files import VectorStore
from gateway.domain.retrieval import Collection, NewDocument, StoredDocument
from gateway.files.ids import VECTOR_STORE, check_id, created_at, is_id, missing, new_id
from gateway.rag.embedding import find_embedder

_RECORD = "vector_store"  # the id of that document
_PREFIX = VECTOR_STORE


class VectorStores:
    """The vector stores of the caller's tenant, over the text and retrieval ports."""

    def __init__(self, text: TextBackend, retrieval: RetrievalBackend) -> None:
        self._text = text
        self._retrieval = retrieval

    async def create(
        self, name: str, description: str, metadata: dict[str, str], embedding_model: str
    ) -> VectorStore:
        """Make an empty one for vectors of a model; without a name, of the default one that can embed."""
        model = (await find_embedder(self._text, embedding_model)).model
        if model.embedding_dimension is None:
            raise InvalidInput("embedding_model", f"{model.id!r} cannot embed")
        id = new_id(_PREFIX)
        store = VectorStore(id, name, description, metadata, created_at(id))
        await self._retrieval.create_collection(Collection(id, model.embedding_dimension, model.stamp))
        await self._retrieval.upsert_document(id, _document(store), "")
        return replace(store, version=1)

    async def get(self, id: str) -> VectorStore:
        """One; raises NotFound."""
        check_id(_PREFIX, id)
        try:
            return _store(id, await self._retrieval.get_document(id, _RECORD))
        except NotFound:
            raise missing(_PREFIX, id) from None

    async def all_ids(self) -> Sequence[str]:
        """The ids of all, the oldest first."""
        return [item.name for item in await self._retrieval.list_collections() if is_id(_PREFIX, item.name)]

    async def write(self, store: VectorStore) -> None:
        """Write what describes one; raises VersionConflict when somebody else did since it was read."""
        await self._retrieval.upsert_document(store.id, _document(store), "", expected_version=store.version)

    async def delete(self, id: str) -> None:
        """Delete one with all it holds, not the files themselves; raises NotFound."""
        check_id(_PREFIX, id)
        try:
            await self._retrieval.delete_collection(id)
        except NotFound:
            raise missing(_PREFIX, id) from None


def _document(store: VectorStore) -> NewDocument:
    told = {"description": store.description, "metadata": store.metadata}
    return NewDocument(_RECORD, store.name, "", "", told)


def _store(id: str, document: StoredDocument) -> VectorStore:
    told = document.metadata
    return VectorStore(
        id, document.title, told["description"], told["metadata"], created_at(id), document.version
    )
