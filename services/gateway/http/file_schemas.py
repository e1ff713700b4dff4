"""Bodies of requests for files and vector stores, as OpenAI has them and beyond."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from gateway.files.attachments import STATE
from gateway.http.schemas import Exact, Finite, Text, Whole

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]


class FileForm(Exact):
    """POST /v1/files, besides the file."""

    purpose: Purpose


def _free(name: str) -> str:
    if name == STATE:
        raise ValueError("is taken: a file's state has this name")
    return name


# What filters of the retrieval service can name.
AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), AfterValidator(_free)]
Value = bool | Finite | Annotated[Text, StringConstraints(max_length=512)]
Attributes = Annotated[dict[AttributeName, Value], Field(max_length=16)]
Metadata = Annotated[
    dict[
        Annotated[Text, StringConstraints(min_length=1, max_length=64)],
        Annotated[Text, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]


class StaticChunking(Exact):
    """Sizes in tokens of the embedding model."""

    max_chunk_size_tokens: Whole = Field(ge=100, le=4096)
    chunk_overlap_tokens: Whole = Field(ge=0, le=2048)


class AutoStrategy(Exact):
    """Chunks that fit the default embedding model."""

    type: Literal["auto"]


class StaticStrategy(Exact):
    """Chunks of sizes that the caller chose."""

    type: Literal["static"]
    static: StaticChunking


Strategy = Annotated[AutoStrategy | StaticStrategy, Field(discriminator="type")]
FileIds = Annotated[list[Text], Field(max_length=2000)]


class StoreBody(Exact):
    """POST /v1/vector_stores."""

    name: Annotated[Text, StringConstraints(max_length=256)] = ""
    description: Annotated[Text, StringConstraints(max_length=1024)] = ""
    metadata: Metadata | None = None
    file_ids: FileIds = Field([])
    chunking_strategy: Strategy | None = None
    # Beyond OpenAI's.
    embedding_model: Text = ""


class StoreChange(Exact):
    """POST /v1/vector_stores/{id}; what is left out stays."""

    name: Annotated[Text, StringConstraints(max_length=256)] | None = None
    metadata: Metadata | None = None


class AttachBody(Exact):
    """POST /v1/vector_stores/{id}/files."""

    file_id: Text
    attributes: Attributes | None = None
    chunking_strategy: Strategy | None = None


class AttributesBody(Exact):
    """POST /v1/vector_stores/{id}/files/{id}."""

    attributes: Attributes | None


class BatchBody(Exact):
    """POST /v1/vector_stores/{id}/file_batches: files that are treated alike, or each by itself."""

    file_ids: FileIds | None = None
    files: Annotated[list[AttachBody], Field(max_length=2000)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: Strategy | None = None


class Comparison(Exact):
    """A test of an attribute."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: AttributeName
    value: Value | Annotated[list[Value], Field(min_length=1, max_length=1024)]


class Compound(Exact):
    """Tests of which all must hold, or one."""

    type: Literal["and", "or"]
    filters: Annotated[list["AttributeFilter"], Field(min_length=1, max_length=64)]


AttributeFilter = Annotated[Comparison | Compound, Field(discriminator="type")]


class Ranking(Exact):
    """How results are ranked: "none" by vectors alone, others by vectors and words."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = "auto"
    score_threshold: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)


def _listed(query: Any) -> Any:
    return [query] if isinstance(query, str) else query


Query = Annotated[Text, StringConstraints(min_length=1, max_length=16 * 1024)]


class SearchBody(Exact):
    """POST /v1/vector_stores/{id}/search."""

    query: Annotated[list[Query], Field(min_length=1, max_length=16), BeforeValidator(_listed)]
    filters: AttributeFilter | None = None
    max_num_results: Whole = Field(10, ge=1, le=50)
    ranking_options: Ranking = Ranking()
    rewrite_query: Literal[False] = False


Compound.model_rebuild()
