"""The contract's methods, as the descriptors have them, and a valid request of each."""

import contextlib
import importlib
import io
import itertools
from pathlib import Path

import grpc
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from PIL import Image
from quadrille.gateway.v1 import rag_pb2 as rag
from quadrille.image.v1 import adapters_pb2 as image_adapters
from quadrille.image.v1 import image_pb2 as image
from quadrille.retrieval.v1 import admin_pb2 as admin
from quadrille.retrieval.v1 import collection_pb2 as collection
from quadrille.retrieval.v1 import document_pb2 as document
from quadrille.retrieval.v1 import search_pb2 as search
from quadrille.text.v1 import adapters_pb2 as adapters
from quadrille.text.v1 import text_pb2 as text
from quadrille_client import AlreadyExistsError

PROTOS = Path(__file__).resolve().parents[2] / "protos"


def services():
    """The contract's services, by full name."""
    sources = sorted(PROTOS.glob("quadrille/*/v1/*.proto"))
    names = (".".join(source.relative_to(PROTOS).with_suffix("").parts) for source in sources)
    modules = [importlib.import_module(f"{name}_pb2") for name in names]
    return {
        item.full_name: item for module in modules for item in module.DESCRIPTOR.services_by_name.values()
    }


SERVICES = services()
METHODS = {f"{name}/{method.name}": method for name, item in SERVICES.items() for method in item.methods}


LORAS = [f"{world}-{kind}" for world in ("gateway", "owner", "spoilt") for kind in ("new", "loaded")] + [
    "start",
    "later",
]


class World:
    """What a case may need: a door's address, and names that no other door's cases use."""

    def __init__(self, name, address, gateway):
        self.name = name
        self.address = address
        self.client = gateway  # for what a case needs beforehand
        self.books = f"books-{name}"
        self._made = itertools.count()

    def latent(self):
        """A latent of the starter model."""
        (found,) = self.client.images.encode([png()])
        return image.Tensor(shape=found.shape, data=found.data)

    def fresh(self, suffix):
        """The name of a new, empty collection."""
        name = f"{suffix}-{self.name}-{next(self._made)}"
        self.client.collections.create(name, 2)
        return name

    def lora(self):
        """The name of an adapter that is loaded."""
        with contextlib.suppress(AlreadyExistsError):
            self.client.loras.load(f"{self.name}-loaded")
        return f"{self.name}-loaded"

    def image_lora(self):
        """The same of an image model."""
        with contextlib.suppress(AlreadyExistsError):
            self.client.images.loras.load(f"{self.name}-loaded")
        return f"{self.name}-loaded"

    def snapshot(self):
        """The name of a snapshot just made."""
        self.client.admin.snapshot(f"restored-{self.name}")
        return f"restored-{self.name}"


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    return buffer.getvalue()


def start(world):
    return document.IngestRequest(start=document.IngestStart(collection=world.books))


def sent(world):
    item = document.Document(id="streamed", chunks=[document.Chunk(text="a", vector=[1, 1])])
    return document.IngestRequest(document=document.IngestDocument(sequence=1, document=item))


def doc(name):
    return document.Document(id=name, chunks=[document.Chunk(text="one word", vector=[1, 2])])


def files(world):
    opening = rag.IngestDocumentsStart(collection=f"files-{world.name}")
    file = rag.File(id="a.md", data=b"# Cats\n\nCats purr.")
    return [rag.IngestDocumentsRequest(start=opening), rag.IngestDocumentsRequest(file=file)]


SHORT = text.SamplingParameters(max_tokens=4)
HELLO = text.ChatMessage(role=text.ROLE_USER, content="hello")
QUICK = image.DiffusionParameters(steps=2)
RED = image.Image(data=png())
SEEDS = (image.LatentPoint(seed=1), image.LatentPoint(seed=2))
TEXT, ADAPTERS, IMAGE, IMAGE_ADAPTERS, RAG = (
    "quadrille.text.v1.TextService",
    "quadrille.text.v1.AdapterService",
    "quadrille.image.v1.ImageService",
    "quadrille.image.v1.AdapterService",
    "quadrille.gateway.v1.RagService",
)
COLLECTIONS, DOCUMENTS, SEARCHES, ADMIN = (
    f"quadrille.retrieval.v1.{name}Service" for name in ("Collection", "Document", "Search", "Admin")
)

# What each method is asked; a list is a client's stream.
CASES = {
    f"{TEXT}/Generate": lambda w: text.GenerateRequest(prompt=text.Prompt(text="Once"), sampling=SHORT),
    f"{TEXT}/Chat": lambda w: text.ChatRequest(messages=[HELLO], sampling=SHORT),
    f"{TEXT}/Score": lambda w: text.ScoreRequest(continuations=["the cat"]),
    f"{TEXT}/Embed": lambda w: text.EmbedRequest(inputs=["cats"]),
    f"{TEXT}/Rerank": lambda w: text.RerankRequest(query="cats", documents=["dogs", "kittens"]),
    f"{TEXT}/FillMask": lambda w: text.FillMaskRequest(text="the [MASK] sat"),
    f"{TEXT}/Tokenize": lambda w: text.TokenizeRequest(text="the cat"),
    f"{TEXT}/Detokenize": lambda w: text.DetokenizeRequest(token_ids=[40, 41]),
    f"{TEXT}/ListModels": lambda w: text.ListModelsRequest(),
    f"{TEXT}/GetModel": lambda w: text.GetModelRequest(model="minilm"),
    f"{ADAPTERS}/LoadLora": lambda w: adapters.LoadLoraRequest(name=f"{w.name}-new"),
    f"{ADAPTERS}/UnloadLora": lambda w: adapters.UnloadLoraRequest(name=w.lora()),
    f"{IMAGE}/Generate": lambda w: image.GenerateRequest(prompt="a red circle", parameters=QUICK),
    f"{IMAGE}/Edit": lambda w: image.EditRequest(prompt="blue", init_image=RED, parameters=QUICK),
    f"{IMAGE}/Interpolate": lambda w: image.InterpolateRequest(
        start=SEEDS[0], end=SEEDS[1], frame_count=2, parameters=QUICK
    ),
    f"{IMAGE}/Encode": lambda w: image.EncodeRequest(images=[RED]),
    f"{IMAGE}/Decode": lambda w: image.DecodeRequest(latents=[w.latent()]),
    f"{IMAGE}/Score": lambda w: image.ScoreRequest(images=[RED], samples=2),
    f"{IMAGE}/ListModels": lambda w: image.ListModelsRequest(),
    f"{IMAGE_ADAPTERS}/LoadLora": lambda w: image_adapters.LoadLoraRequest(name=f"{w.name}-new"),
    f"{IMAGE_ADAPTERS}/UnloadLora": lambda w: image_adapters.UnloadLoraRequest(name=w.image_lora()),
    f"{IMAGE_ADAPTERS}/ListLoras": lambda w: image_adapters.ListLorasRequest(),
    f"{COLLECTIONS}/CreateCollection": lambda w: collection.CreateCollectionRequest(
        collection=collection.Collection(name=f"made-{w.name}", dimension=2)
    ),
    f"{COLLECTIONS}/GetCollection": lambda w: collection.GetCollectionRequest(name=w.books),
    f"{COLLECTIONS}/ListCollections": lambda w: collection.ListCollectionsRequest(),
    f"{COLLECTIONS}/DeleteCollection": lambda w: collection.DeleteCollectionRequest(name=w.fresh("gone")),
    f"{COLLECTIONS}/SwapAlias": lambda w: collection.SwapAliasRequest(
        alias=f"alias-{w.name}", collection=w.books
    ),
    f"{DOCUMENTS}/Ingest": lambda w: [start(w), sent(w)],
    f"{DOCUMENTS}/UpsertDocuments": lambda w: document.UpsertDocumentsRequest(
        collection=w.books, documents=[doc("b")]
    ),
    f"{DOCUMENTS}/GetDocument": lambda w: document.GetDocumentRequest(collection=w.books, id="a"),
    f"{DOCUMENTS}/ListDocuments": lambda w: document.ListDocumentsRequest(collection=w.books),
    f"{DOCUMENTS}/DeleteDocuments": lambda w: document.DeleteDocumentsRequest(
        collection=w.books, ids=["none"]
    ),
    f"{SEARCHES}/Search": lambda w: search.SearchRequest(
        collection=w.books, query=search.Query(text="word")
    ),
    f"{SEARCHES}/BatchSearch": lambda w: search.BatchSearchRequest(
        collection=w.books, queries=[search.Query(text="word"), search.Query(vector=[1, 0])]
    ),
    f"{ADMIN}/Verify": lambda w: admin.VerifyRequest(),
    f"{ADMIN}/Repair": lambda w: admin.RepairRequest(collection=w.books),
    f"{ADMIN}/Snapshot": lambda w: admin.SnapshotRequest(name=f"taken-{w.name}"),
    f"{ADMIN}/Restore": lambda w: admin.RestoreRequest(name=w.snapshot()),
    f"{ADMIN}/Compact": lambda w: admin.CompactRequest(),
    f"{ADMIN}/Stats": lambda w: admin.StatsRequest(),
    f"{RAG}/Ask": lambda w: rag.AskRequest(collection="docs", question="What is derived?", sampling=SHORT),
    f"{RAG}/IngestDocuments": files,
}  # fmt: skip


def owners(ports):
    """The address of each package's own service."""
    return {
        "text": f"127.0.0.1:{ports.text}",
        "image": f"127.0.0.1:{ports.image}",
        "retrieval": f"127.0.0.1:{ports.retrieval}",
        "gateway": f"127.0.0.1:{ports.gateway}",
    }


def package_of(path):
    return path.split(".")[1]


def call(address, path, request):
    """The answers of any method, as a list."""
    method = METHODS[path]
    sides = ("stream" if side else "unary" for side in (method.client_streaming, method.server_streaming))
    with grpc.insecure_channel(address) as channel:
        make = getattr(channel, "_".join(sides))
        kind = GetMessageClass(method.output_type)
        stub = make(
            f"/{path}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=kind.FromString,
        )
        answer = stub(iter(request) if isinstance(request, list) else request, timeout=60)
        return list(answer) if method.server_streaming else [answer]


def details(error, kind):
    """The detail of this kind that an error carries; an empty one when it has none."""
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    found = kind()
    assert [detail.Unpack(found) for detail in status_pb2.Status.FromString(raw).details].count(True) <= 1
    return found
