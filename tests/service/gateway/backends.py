"""Small working services: an extractive chat model, hashed word vectors, a store in a dict, flat images."""

import asyncio
import hashlib
import io
import json
import re

from PIL import Image
from quadrille.image.v1 import image_pb2, image_pb2_grpc
from quadrille.retrieval.v1 import (
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
)
from quadrille.text.v1 import text_pb2, text_pb2_grpc, tools_pb2
from serving.call import current_call
from serving.errors import AlreadyExists, InvalidInput, NotFound, Overloaded, Unavailable

DIMENSION = 32
STAMP = "hash@sha256:0123456789abcdef"


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def vector(text: str) -> list[float]:
    values = [0.0] * DIMENSION
    for word in words(text):
        values[hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1.0
    norm = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / norm for value in values]


class TextService(text_pb2_grpc.TextServiceServicer):
    """Chat quotes its first document, Generate repeats its prompt, forever when told so."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.pace = asyncio.Event()  # while it is set, little is said at once
        self.pace.set()
        self.calls = []
        self.embedded = []
        self.intervals = []  # ms between deltas that were asked for

    async def ListModels(self, request, context):
        capability = text_pb2.Capability
        return text_pb2.ListModelsResponse(
            models=[
                text_pb2.Model(
                    id="tiny",
                    capabilities=[capability.CAPABILITY_CHAT, capability.CAPABILITY_GENERATE],
                    context_length=512,
                ),
                text_pb2.Model(
                    id="hash",
                    capabilities=[capability.CAPABILITY_EMBED],
                    embedding_dimension=DIMENSION,
                    context_length=256,
                    stamp=STAMP,
                ),
            ]
        )

    async def Tokenize(self, request, context):
        ends = [match.end() for match in re.finditer(r"\w+|\W", request.text)]
        return text_pb2.TokenizeResponse(tokens=[text_pb2.Token(end_byte=end) for end in ends])

    async def Embed(self, request, context):
        self.calls.append(current_call())
        self.embedded += request.inputs
        if not request.inputs:
            raise InvalidInput("inputs", "must not be empty")
        if "" in request.inputs:
            raise InvalidInput(f"inputs[{list(request.inputs).index('')}]", "must not be empty")
        if "vanish" in request.inputs:
            raise Unavailable("gone")
        embeddings = [text_pb2.Embedding(values=vector(item), token_count=1) for item in request.inputs]
        usage = text_pb2.Usage(prompt_token_count=len(request.inputs))
        return text_pb2.EmbedResponse(embeddings=embeddings, model="hash", model_stamp=STAMP, usage=usage)

    async def Chat(self, request, context):
        self.intervals.append(request.delta_interval_ms)
        if request.model == "guard":
            answer = "unsafe\nS1,S10" if "hate" in request.messages[-1].content else "safe"
            async for event in self._stream(text_pb2.ChatResponse, answer, request):
                yield event
            return
        if request.model not in ("", "tiny"):
            raise NotFound("model", request.model)
        if request.tools and request.tool_choice.mode != tools_pb2.TOOL_CHOICE_MODE_NONE:
            async for event in self._call(request):
                yield event
            return
        if request.documents:
            answer = request.documents[0].text.split(". ")[0].rstrip(".") + " [1]."
        else:
            answer = f"You said: {request.messages[-1].content}"
        async for event in self._stream(text_pb2.ChatResponse, answer, request):
            yield event

    async def _call(self, request):
        """Calls the tool that is chosen, or the first, in two pieces, with what it was told as arguments."""
        if not request.tools[0].name.isidentifier():
            raise InvalidInput("tools[0].name", "must be a name")
        yield text_pb2.ChatResponse(
            started=text_pb2.GenerationStarted(request_id=request.request_id, model="tiny")
        )
        said = json.dumps(
            {
                "schema": request.tools[0].parameters,
                "mode": request.tool_choice.mode,
                "calls": [call.id + call.arguments for m in request.messages for call in m.tool_calls],
                "results": [m.tool_call_id + m.content for m in request.messages if m.tool_call_id],
                "parallel": request.parallel_tool_calls,
            }
        )
        name = request.tool_choice.name or request.tools[0].name
        yield text_pb2.ChatResponse(delta=text_pb2.GenerationDelta(text="Well. "))
        for piece in (
            {"index": 0, "id": "abcdefghi", "name": name, "arguments": said[:4]},
            {"index": 0, "arguments": said[4:]},
        ):
            yield text_pb2.ChatResponse(delta=text_pb2.GenerationDelta(tool_calls=[piece]))
        ends = [text_pb2.SequenceResult(finish_reason=text_pb2.FINISH_REASON_TOOL_CALLS)]
        yield text_pb2.ChatResponse(finished=text_pb2.GenerationFinished(sequences=ends))

    async def Generate(self, request, context):
        self.intervals.append(request.delta_interval_ms)
        if request.model not in ("", "tiny"):
            raise NotFound("model", request.model)
        try:
            async for event in self._stream(text_pb2.GenerateResponse, request.prompt.text or "ids", request):
                yield event
            if request.prompt.text == "breaks":
                raise Unavailable("broken")
            while request.prompt.text == "forever":
                text = "." if self.pace.is_set() else "." * 100_000
                yield text_pb2.GenerateResponse(delta=text_pb2.GenerationDelta(text=text))
                await asyncio.sleep(0.01)
        finally:
            self.cancelled.set()

    async def Rerank(self, request, context):
        if request.model != "judge":
            raise Overloaded("busy", retry_after_s=2.5)
        if len(request.query) > 4096:
            raise InvalidInput("query", "is over 4096 characters")
        results = [
            text_pb2.RerankResult(index=i, score=-len(item)) for i, item in enumerate(request.documents)
        ]
        return text_pb2.RerankResponse(
            results=sorted(results, key=lambda item: -item.score),
            model=request.model,
            usage=text_pb2.Usage(prompt_token_count=len(results)),
        )

    async def _stream(self, kind, answer, request):
        if request.lora not in ("", "own"):
            raise NotFound("lora", request.lora)
        n = request.sampling.n or 1
        yield kind(
            started=text_pb2.GenerationStarted(
                request_id=request.request_id, model="tiny", prompt_token_count=7
            )
        )
        pieces = re.findall(r"\S+\s*", answer)
        for index in range(n):
            for piece in pieces:
                logprobs = []
                if request.sampling.HasField("logprobs"):
                    logprobs = [text_pb2.TokenLogprob(token_id=1, token=piece, logprob=-0.5)]
                yield kind(
                    delta=text_pb2.GenerationDelta(index=index, text=piece, token_ids=[1], logprobs=logprobs)
                )
        if answer == "forever":
            return
        ends = [text_pb2.SequenceResult(index=i, finish_reason=text_pb2.FINISH_REASON_STOP) for i in range(n)]
        usage = text_pb2.Usage(
            prompt_token_count=7, completion_token_count=n * len(pieces), cached_prompt_token_count=3
        )
        yield kind(finished=text_pb2.GenerationFinished(sequences=ends, usage=usage))


class ImageService(image_pb2_grpc.ImageServiceServicer):
    """Flat images, with one preview each."""

    async def ListModels(self, request, context):
        model = image_pb2.Model(
            id="flat", capabilities=[image_pb2.CAPABILITY_GENERATE], default_width=8, default_height=8
        )
        return image_pb2.ListModelsResponse(models=[model])

    async def Generate(self, request, context):
        parameters = request.parameters
        if parameters.HasField("width") and parameters.width > 64:
            raise InvalidInput("parameters.width", "must be at most 64")
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
        image = image_pb2.Image(data=buffer.getvalue(), format=image_pb2.IMAGE_FORMAT_PNG, width=8, height=8)
        yield image_pb2.GenerateResponse(queued=image_pb2.Queued(model="flat"))
        for index in range(parameters.count or 1):
            if parameters.preview_every_steps:
                yield image_pb2.GenerateResponse(preview=image_pb2.Preview(index=index, step=1, image=image))
            result = image_pb2.ImageResult(index=index, image=image, seed=parameters.seed + index)
            if request.prompt == "withheld":
                result.image.data = b""
                result.safety.withheld = True
            yield image_pb2.GenerateResponse(image=result)
        yield image_pb2.GenerateResponse(finished=image_pb2.Finished(image_count=parameters.count or 1))


class Store:
    """Collections and documents of all tenants."""

    def __init__(self) -> None:
        self.collections = {}
        self.documents = {}
        self.queries = []
        self.lsn = 0

    def collection(self, name):
        key = (current_call().principal.tenant, name)
        if key not in self.collections:
            raise NotFound("collection", name)
        return key


class CollectionService(collection_pb2_grpc.CollectionServiceServicer):
    def __init__(self, store):
        self.store = store

    async def CreateCollection(self, request, context):
        if " " in request.collection.name:
            raise InvalidInput("collection.name", "must not hold spaces")
        key = (current_call().principal.tenant, request.collection.name)
        if key in self.store.collections:
            raise AlreadyExists("collection", request.collection.name)
        self.store.collections[key] = request.collection
        self.store.documents[key] = {}
        return collection_pb2.CreateCollectionResponse(collection=request.collection)

    async def ListCollections(self, request, context):
        tenant = current_call().principal.tenant
        names = sorted(name for owner, name in self.store.collections if owner == tenant)
        page = [name for name in names if name > request.page_token][:1]  # small, so that there are several
        more = page[0] if page and page[0] != names[-1] else ""
        found = [
            collection_pb2.Collection(name=name, document_count=len(self.store.documents[tenant, name]))
            for name in page
        ]
        return collection_pb2.ListCollectionsResponse(collections=found, next_page_token=more)

    async def GetCollection(self, request, context):
        collection = self.store.collections[self.store.collection(request.name)]
        return collection_pb2.GetCollectionResponse(collection=collection)


class DocumentService(document_pb2_grpc.DocumentServiceServicer):
    def __init__(self, store):
        self.store = store

    async def UpsertDocuments(self, request, context):
        key = self.store.collection(request.collection)
        if "forbidden" in request.documents[0].metadata:
            raise InvalidInput("documents[0].metadata.forbidden", "must not be there")
        self.store.lsn += 1
        for document in request.documents:
            document.content_sha256 = hashlib.sha256(document.text.encode()).hexdigest()
            document.lsn = self.store.lsn
            self.store.documents[key][document.id] = document
        return document_pb2.UpsertDocumentsResponse(lsn=self.store.lsn, versions=[1] * len(request.documents))

    async def GetDocument(self, request, context):
        found = self.store.documents[self.store.collection(request.collection)].get(request.id)
        if found is None:
            raise NotFound("document", request.id)
        return document_pb2.GetDocumentResponse(document=found)

    async def ListDocuments(self, request, context):
        held = self.store.documents[self.store.collection(request.collection)]
        if request.page_token not in ("", *held):
            raise InvalidInput("page_token", "is not a token that this listing gave out")
        ids = sorted(id for id in held if id > request.page_token)
        page = [
            document_pb2.Document(
                id=id,
                title=held[id].title,
                chunk_count=len(held[id].chunks),
                text_bytes=len(held[id].text.encode()),
            )
            for id in ids[: request.page_size]
        ]
        more = page[-1].id if len(ids) > len(page) else ""
        return document_pb2.ListDocumentsResponse(documents=page, next_page_token=more)

    async def DeleteDocuments(self, request, context):
        held = self.store.documents[self.store.collection(request.collection)]
        found = [id for id in request.ids if held.pop(id, None)]
        return document_pb2.DeleteDocumentsResponse(deleted_count=len(found))

    async def Ingest(self, request_iterator, context):
        yield document_pb2.IngestResponse(credits=document_pb2.IngestCredits(count=2))
        accepted = 0
        async for request in request_iterator:
            if request.WhichOneof("item") == "document":
                accepted += 1
                item = request.document
                ack = document_pb2.IngestAck(
                    sequence=item.sequence, document_id=item.document.id, version=1, lsn=accepted
                )
                yield document_pb2.IngestResponse(ack=ack)
                yield document_pb2.IngestResponse(credits=document_pb2.IngestCredits(count=1))
        yield document_pb2.IngestResponse(finished=document_pb2.IngestFinished(accepted_count=accepted))


class SearchService(search_pb2_grpc.SearchServiceServicer):
    def __init__(self, store):
        self.store = store

    async def Search(self, request, context):
        key = self.store.collection(request.collection)
        self.store.queries.append(request.query)
        asked = set(words(request.query.text))
        if len(request.query.text.encode()) > 4096:
            raise InvalidInput("query.text", "is over 4096 bytes")
        if request.query.HasField("filter") and not request.query.filter.condition.field:
            raise InvalidInput("query.filter.condition.field", "must be set")
        hits = []
        for document in self.store.documents[key].values():
            for ordinal, chunk in enumerate(document.chunks):
                score = float(len(asked & set(words(chunk.text))))
                if score:
                    hit = search_pb2.Hit(
                        chunk_id=f"{document.id}#{ordinal}",
                        document_id=document.id,
                        ordinal=ordinal,
                        text=chunk.text,
                        title=document.title,
                        start_byte=chunk.start_byte,
                        end_byte=chunk.end_byte,
                        score=score,
                        content_sha256=document.content_sha256,
                    )
                    hits.append(hit)
        hits.sort(key=lambda hit: -hit.score)
        return search_pb2.SearchResponse(hits=hits[: request.query.top_k or 10], lsn=self.store.lsn)
