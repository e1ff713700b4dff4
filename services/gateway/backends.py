"""The ports through which the gateway reaches other services.

Every call raises the domain errors of `serving.errors`; a service that cannot be reached is `Unavailable`. Streams
are async generators: closing one cancels the call behind it.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from gateway.domain.filters import Filter
from gateway.domain.image import ImageEdit, ImageEvent, ImageModel, ImageRequest
from gateway.domain.moderation import Verdict
from gateway.domain.retrieval import (
    Collection,
    DocumentPage,
    Hit,
    NewDocument,
    SearchRequest,
    StoredDocument,
    Vector,
)
from gateway.domain.text import (
    ChatRequest,
    EmbedRequest,
    EmbedResult,
    GenerateRequest,
    GenerationEvent,
    RerankResult,
    TextModel,
)


class TextBackend(Protocol):
    """Language models."""

    async def list_models(self) -> Sequence[TextModel]:
        """All models that can be reached; for each capability the first that has it is its default."""
        ...

    def chat(self, request: ChatRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Answer a conversation: started, deltas, finished."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Continue a prompt: started, deltas, finished."""
        ...

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """One unit vector a text."""
        ...

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> RerankResult:
        """Relevance of each document; an empty model is the default that can."""
        ...

    async def token_ends(self, model: str, text: str) -> Sequence[int]:
        """The byte after each token of a text, in order, without special tokens; its length is the token count."""
        ...


class ImageBackend(Protocol):
    """Image models."""

    async def list_models(self) -> Sequence[ImageModel]:
        """All models that can be reached, the default first."""
        ...

    def generate(self, request: ImageRequest) -> AsyncGenerator[ImageEvent, None]:
        """Make images: previews and images, finished."""
        ...

    def edit(self, request: ImageEdit) -> AsyncGenerator[ImageEvent, None]:
        """Make images that start from one; the same events."""
        ...


class RetrievalBackend(Protocol):
    """The document store."""

    async def get_collection(self, name: str) -> Collection:
        """A collection by name or alias; NotFound when there is none."""
        ...

    async def list_collections(self) -> Sequence[Collection]:
        """All of the caller's collections, by name."""
        ...

    async def create_collection(self, collection: Collection) -> None:
        """Make an empty collection; AlreadyExists when there is one of that name."""
        ...

    async def delete_collection(self, name: str) -> None:
        """Delete a collection with all it holds; NotFound when there is none."""
        ...

    async def get_document(self, collection: str, document_id: str) -> StoredDocument:
        """A document; NotFound when there is none."""
        ...

    async def chunk_vectors(self, collection: str, document_id: str) -> Mapping[str, Vector]:
        """The vectors of a document's chunks, by their texts; empty when there is no such document."""
        ...

    def list_documents(
        self, collection: str, filter: Filter | None = None
    ) -> AsyncGenerator[StoredDocument, None]:
        """Documents whose metadata match, all without a filter, by id, without texts and chunks."""
        ...

    async def page_of_documents(self, collection: str, size: int, token: str = "") -> DocumentPage:
        """The 1 to 1000 documents by id, without texts and chunks, that come first, or that a page's token asks for."""
        ...

    async def upsert_document(
        self,
        collection: str,
        document: NewDocument,
        embedding_model: str,
        expected_version: int | None = None,
    ) -> int:
        """Write a document; returns the log sequence number of the write. As upsert_documents otherwise."""
        ...

    async def upsert_documents(
        self,
        collection: str,
        documents: Sequence[NewDocument],
        embedding_model: str = "",
        expected_version: int | None = None,
    ) -> int:
        """Write 1 to 1000 documents, all or none; returns the log sequence number of the write.

        VersionConflict when one does not have the expected version, which is 0 for those that must be new.
        """
        ...

    async def delete_documents(self, collection: str, ids: Sequence[str]) -> int:
        """Delete at most 1000 documents; returns how many there were."""
        ...

    async def search(self, request: SearchRequest) -> Sequence[Hit]:
        """Chunks, best first."""
        ...


class Moderator(Protocol):
    """Judges texts."""

    @property
    def model(self) -> str:
        """The model that judges."""
        ...

    async def moderate(self, text: str) -> Verdict:
        """What it says of a text; NotConfigured when its answer is no judgement."""
        ...


class HealthProbe(Protocol):
    """Whether one backend is ready."""

    @property
    def name(self) -> str:
        """The backend, e.g. "text@127.0.0.1:50051"."""
        ...

    async def is_serving(self) -> bool:
        """True when the backend says that it serves; never raises for a backend that is lost."""
        ...
