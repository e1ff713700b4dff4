"""Options of the gateway."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from serving.channel import TlsOptions
from serving.config import Authority, CommaList, ServiceSettings, is_loopback
from serving.tls import check_pair

from gateway.admission.pool import PoolLimits
from gateway.admission.pools import ENCODE, GENERATE, IMAGE
from gateway.admission.quota import load_quotas
from gateway.http.caution import Caution
from gateway.streams.limits import StreamLimits


class GatewaySettings(ServiceSettings, service="gateway"):
    """Where it listens, and which services stand behind it. Its metrics are on the HTTP port, under /metrics."""

    port: int = Field(50050, ge=0, le=65535, description="Port of gRPC; 0 picks a free one.")
    reader_stall_s: float | None = Field(
        60.0,
        gt=0,
        description="Seconds that a stream waits for a reader who takes nothing; then it ends. None: forever.",
    )
    http_host: str | None = Field(None, description="Address that HTTP listens on. None: the same as `host`.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of HTTP; 0 picks a free one.")
    text_addresses: CommaList = Field(
        ("127.0.0.1:50051",),
        min_length=1,
        description="textgen servers; a request goes to one that has its model. A name that resolves to several "
        "addresses is as many servers.",
    )
    image_addresses: CommaList = Field(
        ("127.0.0.1:50052",), min_length=1, description="imagegen servers; likewise."
    )
    retrieval_address: str = Field("127.0.0.1:50053", description="The retrieval server.")
    model_fallbacks: dict[Annotated[str, Field(min_length=1)], CommaList] = Field(
        default_factory=dict,
        description="Models that stand in for one, in this order, while no server of it can be used; the name need "
        "not be a model's. In the environment as JSON.",
    )
    moderation_model: str | None = Field(
        None,
        description="Chat model that judges texts for /v1/moderations, as Llama Guard 3 does. None: that is refused.",
    )
    resolve_interval_s: float = Field(
        10.0, gt=0, description="Seconds between two resolutions of the backends' names."
    )
    backend_ca: Authority | None = Field(
        None, description="PEM authority of the backends; turns TLS to them on."
    )
    backend_certificate: Path | None = Field(
        None, description="PEM certificate shown to the backends (mTLS)."
    )
    backend_key: Path | None = Field(None, description="PEM private key of that certificate.")
    backend_api_key: str | None = Field(
        None, repr=False, description='API key shown to the backends; give it the scope "delegate".'
    )
    health_interval_s: float = Field(
        1.0, gt=0, description="Seconds between two looks at the backends' health."
    )
    metrics_urls: CommaList = Field(
        (), description="Prometheus endpoints of the services, read for the playground's view of the stack."
    )
    max_http_body_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Largest HTTP request body, in bytes."
    )
    max_http_head_bytes: int = Field(
        32 * 1024, ge=1024, description="Largest head of an HTTP request: its line and headers, in bytes."
    )
    http_read_timeout_s: float = Field(
        60.0, gt=0, description="Seconds in which the head of an HTTP request must come, and then its body."
    )
    http_hosts: CommaList = Field(
        (),
        description="Names that HTTP is served under. None: any or, on loopback without API keys, its names only.",
    )
    cors_origins: CommaList = Field(
        (), description='Origins, e.g. "https://app.example", whose pages may call; "*" for any.'
    )
    max_json_depth: int = Field(64, ge=4, description="Deepest nesting of a JSON body.")
    generate_places: int = Field(
        16,
        ge=1,
        description="Answers that run behind at once, in all; more wait here, in turns between tenants. As many as the "
        "servers' batches have rows keep these full, and nobody waits there.",
    )
    encode_places: int = Field(64, ge=1, description="Likewise, texts' vectors, relevance and likelihoods.")
    image_places: int = Field(16, ge=1, description="Likewise, images.")
    queue_requests: int = Field(
        256, ge=1, description="Requests of one kind that may wait; more are refused."
    )
    queue_units: int = Field(
        1_000_000,
        ge=1,
        description="Cost of what may wait, of one kind: tokens of prompts, twice those of answers; image steps.",
    )
    queue_wait_s: float = Field(30.0, gt=0, description="Seconds that a request may wait for its turn.")
    tenant_share: float = Field(
        0.75, gt=0, le=1, description="Part of the places that one tenant may have while others are about."
    )
    quota_file: Path | None = Field(
        None,
        description="File that remembers tokens used today over a restart. None: they count from the start.",
    )
    tenant_labels: int = Field(32, ge=0, description="Tenants that metrics tell apart; the others are one.")

    @field_validator("quota_file")
    @classmethod
    def _readable_quotas(cls, path: Path | None) -> Path | None:
        load_quotas(path)
        return path

    embedding_cache_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Bytes of embeddings that are kept, to be given again to the tenant that asked for them. 0: none.",
    )
    audit_file: Path | None = Field(
        None, description="File that who asked what, and how it ended, is appended to. None: it is not noted."
    )
    resume_grace_s: float = Field(
        30.0, ge=0, description="Seconds that a named request goes on while nobody follows it."
    )
    replay_s: float = Field(60.0, ge=0, description="Seconds that the answer to a named request is kept.")
    replay_bytes_each: int = Field(
        8 * 1024 * 1024, ge=1024, description="Bytes of one named request's answer that are kept at most."
    )
    replay_bytes: int = Field(
        64 * 1024 * 1024, ge=1024, description="Bytes of all named requests' answers that are kept at most."
    )

    @model_validator(mode="after")
    def _backends_consistent(self) -> Self:
        check_pair(backend_certificate=self.backend_certificate, backend_key=self.backend_key)
        if self.backend_certificate is not None and self.backend_ca is None:
            raise ValueError("backend_certificate needs backend_ca")
        return self

    @property
    def pools(self) -> Mapping[str, PoolLimits]:
        """Limits of each kind of work."""
        places = {GENERATE: self.generate_places, ENCODE: self.encode_places, IMAGE: self.image_places}
        shared = (self.queue_requests, float(self.queue_units), self.queue_wait_s, self.tenant_share)
        return {name: PoolLimits(count, *shared) for name, count in places.items()}

    @property
    def backend_tls(self) -> TlsOptions | None:
        """TLS of the channels to the backends."""
        if self.backend_ca is None:
            return None
        return TlsOptions(self.backend_ca, self.backend_certificate, self.backend_key)

    @property
    def caution(self) -> Caution:
        """How careful HTTP is."""
        host, hosts = self.http_host or self.host, self.http_hosts or None
        if hosts is None and self.api_keys_file is None and is_loopback(host):
            hosts = ("localhost", "127.0.0.1", "::1", host.strip("[]"))
        tls = self.server_tls is not None
        return Caution(self.http_read_timeout_s, self.reader_stall_s, hosts, self.cors_origins, tls)

    @property
    def stream_limits(self) -> StreamLimits:
        """What named requests may hold."""
        return StreamLimits(
            self.replay_bytes_each,
            self.replay_bytes,
            self.max_concurrent_calls,
            self.resume_grace_s,
            self.replay_s,
        )
