"""Client of Quadrille: text, images, retrieval and RAG over gRPC, of a gateway or of a single service alike.

>>> with Client("127.0.0.1:50050") as client:
...     print(client.chat("What is Quadrille?").text)
"""

from quadrille_client._async.client import AsyncClient
from quadrille_client._sync.client import Client
from quadrille_client.errors import (
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuadrilleError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)
from quadrille_client.tls import Tls
from quadrille_client.types.image import LatentPoint, Tensor
from quadrille_client.types.retrieval import Chunk, Document
from quadrille_client.types.tools import Tool, ToolCall

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "AsyncClient",
    "CancelledError",
    "Chunk",
    "Client",
    "DataLossError",
    "DeadlineExceededError",
    "Document",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "LatentPoint",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "QuadrilleError",
    "Tensor",
    "Tls",
    "Tool",
    "ToolCall",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
]
