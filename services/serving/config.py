"""One frozen settings object per service, read once: defaults < TOML table < environment.

`QUADRILLE_CONFIG` names the TOML file. Table ``[textgen]`` and variables
``QUADRILLE_TEXTGEN_*`` are textgen's.
"""

import ipaddress
import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from serving.keys import read_keys
from serving.tls import ServerTls, check_authority, check_pair

CONFIG_FILE_VARIABLE = "QUADRILLE_CONFIG"
SERVICES = ("textgen", "imagegen", "retrieval", "gateway")  # the tables that the file may have


def _split(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


# A list that the environment writes as "a,b".
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]

# A PEM file of certificates that others' must come from.
Authority = Annotated[Path, AfterValidator(check_authority)]


class ServiceSettings(BaseSettings):
    """Options that every service has; a service's own class derives from it with ``service="name"``."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")
    service: ClassVar[str] = "service"

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port of gRPC; 0 picks a free one.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of the Prometheus endpoint; 0 picks a free one."
    )
    data_dir: Path = Field(Path("data"), description="Directory that holds what the service keeps.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe events logged."
    )
    api_keys_file: Path | None = Field(None, description="TOML file of API keys. None: callers need no key.")
    allow_anonymous: bool = Field(
        False, description="Listen beyond loopback although no API keys are configured."
    )
    tls_certificate: Path | None = Field(
        None, description="PEM certificate chain; turns TLS on, at the gateway for HTTP too."
    )
    tls_key: Path | None = Field(None, description="PEM private key of the certificate.")
    tls_client_ca: Authority | None = Field(
        None, description="PEM authority that clients' certificates must come from (mTLS)."
    )
    max_message_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="Largest message, either way, in bytes."
    )
    max_concurrent_calls: int = Field(1024, ge=1, description="Calls that may run at once; more are refused.")
    reader_stall_s: float | None = Field(
        120.0,
        gt=0,
        description="Seconds that a stream waits for a reader who takes no message; then it ends. None: forever.",
    )
    max_connection_age_s: float | None = Field(
        None,
        gt=0,
        description="Age at which connections are closed gently, so clients find new servers. None: never.",
    )
    drain_grace_s: float = Field(
        30.0, ge=0, description="Seconds that running calls get to finish at shutdown."
    )
    otlp_endpoint: str | None = Field(
        None, description="host:port of an OpenTelemetry collector (OTLP over gRPC)."
    )

    @property
    def server_tls(self) -> ServerTls | None:
        """What the server shows and asks for; None without TLS."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return ServerTls(self.tls_certificate, self.tls_key, self.tls_client_ca)

    def __init_subclass__(cls, service: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(cls, service: str | None = None, **kwargs: Any) -> None:
        """Take the service's name from the class statement."""
        super().__pydantic_init_subclass__(**kwargs)
        if service is not None:
            cls.service = service
            cls.model_config["env_prefix"] = f"QUADRILLE_{service.upper()}_"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the TOML table."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _table(cls.service))

    @field_validator("api_keys_file")
    @classmethod
    def _readable_keys(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_keys(path)
        return path

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_pair(tls_certificate=self.tls_certificate, tls_key=self.tls_key)
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        if self.api_keys_file is None and not self.allow_anonymous and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} is reachable from elsewhere: set api_keys_file, or allow_anonymous"
            )
        return self


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """Read the settings, or end the process with status 2 and a sentence that names the bad option."""
    prefix = str(kind.model_config["env_prefix"])
    try:
        known = {prefix + name.upper() for name in kind.model_fields}
        if unknown := sorted(
            name for name in os.environ if name.startswith(prefix) and name.upper() not in known
        ):
            raise ValueError(f"{unknown[0]} is not an option of {kind.service}")
        return kind()
    except ValidationError as error:
        problem = "; ".join(_sentence(prefix, item) for item in error.errors())
    except (SettingsError, ValueError, OSError) as error:
        problem = str(error)
    sys.stderr.write(f"{kind.service} cannot start: {problem}\n")
    sys.exit(2)


def is_loopback(host: str) -> bool:
    """Whether a listening address is reachable from this machine only."""
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _table(service: str) -> dict[str, Any]:
    path = os.environ.get(CONFIG_FILE_VARIABLE)
    if not path:
        return {}
    tables = tomllib.loads(Path(path).read_text())
    if unknown := sorted(set(tables) - {service, *SERVICES}):
        raise ValueError(f"{path}: {unknown[0]} is no service; there are {', '.join(SERVICES)}")
    table = tables.get(service, {})
    if not isinstance(table, dict):
        raise ValueError(f"{path}: {service} must be a table")
    return table


def _sentence(prefix: str, item: Any) -> str:
    if not item["loc"]:
        return str(item["msg"]).removeprefix("Value error, ")
    name, said = str(item["loc"][0]), str(item["msg"])
    if item["type"] != "value_error":  # that one tells what it was given
        said = f"{said}, not {item['input']!r}"
    return f"{prefix}{name.upper()} (or {name} in the config file): {said.removeprefix('Value error, ')}"
