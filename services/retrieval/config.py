"""Options of the service; environment QUADRILLE_RETRIEVAL_*, TOML table [retrieval]."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from serving.config import CommaList, ServiceSettings, is_loopback

from retrieval import failpoints

Failpoints = Annotated[CommaList, AfterValidator(failpoints.check)]


class RetrievalSettings(ServiceSettings, service="retrieval"):
    """Options of the retrieval service. Its store lies under `data_dir`/retrieval."""

    port: int = Field(50053, ge=0, le=65535, description="Port of gRPC; 0 picks a free one.")
    metrics_port: int = Field(
        9103, ge=0, le=65535, description="Port of the Prometheus endpoint; 0 picks a free one."
    )
    reader_threads: int = Field(4, ge=1, le=256, description="Threads that read and search side by side.")
    max_batch: int = Field(256, ge=1, le=65536, description="Most writes that share one commit.")
    max_queued_writes: int = Field(
        1024, ge=1, le=1_000_000, description="Most writes that wait for a commit; more are refused."
    )
    ingest_window: int = Field(
        64, ge=1, le=4096, description="Documents that one ingest stream may have in flight."
    )
    seal_at: int = Field(
        4096,
        ge=1,
        le=1_000_000,
        description="Vectors of a collection that are searched flat before they are built into a segment.",
    )
    quiet_s: float = Field(
        10.0,
        ge=0.0,
        le=86400.0,
        description="Seconds without a write after which a collection's segments are made into one, or as long as that "
        "will take if this is more; 0 leaves them.",
    )
    build_threads: int = Field(1, ge=1, le=256, description="Threads that build a segment, at low priority.")
    milvus_uri: str | None = Field(
        None,
        description="Milvus that holds and searches sealed segments, as http://host:19530 or a file of Milvus Lite; "
        "without one this process does. Needs the extra `retrieval-milvus`.",
    )
    milvus_token: SecretStr = Field(
        SecretStr(""), description="What that Milvus asks for: user:password, or an API key."
    )
    passage_cache_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Memory for passages that were found before, in bytes: vector queries then need not read them.",
    )
    word_cache_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Memory for where words are that were asked for again since the last write, in bytes: 16 for each "
        "chunk that a word is in.",
    )
    audit_share: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        description="Share of the vector queries of approximate indexes that are offered to the audit of their recall.",
    )
    target_recall: float = Field(
        0.97,
        ge=0.0,
        le=0.999,
        description="Recall of the nearest 10 that default searches through graphs are calibrated for and, by audits, "
        "held at, where a collection does not tell `ef_search`; 0 lets them hold 80 vectors and learn nothing.",
    )
    failpoints: Failpoints = Field(
        (),
        description="For tests, on loopback: where the process dies or its disk fails, NAME=ACTION[@N] each.",
    )

    @model_validator(mode="after")
    def _no_failpoints_for_others(self) -> Self:
        if self.failpoints and not is_loopback(self.host):
            raise ValueError(f"failpoints break a server on purpose: host must be loopback, not {self.host}")
        return self
