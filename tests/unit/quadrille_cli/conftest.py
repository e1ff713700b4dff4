"""A small server that works: an echo for a language model, a file of the prompt for an image, one document."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from quadrille.gateway.v1 import injection_pb2, rag_pb2, rag_pb2_grpc, rewriting_pb2, support_pb2
from quadrille.image.v1 import image_pb2, image_pb2_grpc
from quadrille.retrieval.v1 import (
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
)
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from quadrille_cli.stack import Ports, Service, Stack

FAKE = Path(__file__).parent / "fake_service.py"
HIT = search_pb2.Hit(chunk_id="a.md#0", document_id="a.md", text="Grass", end_byte=5, score=0.5)


class Text(text_pb2_grpc.TextServiceServicer):
    def Chat(self, request, context):
        if request.sampling.temperature > 9:
            refuse(context, "too hot", "sampling.temperature")
        if request.messages[-1].content == "wait":
            turn_away(context)
        name = dict(context.invocation_metadata()).get("idempotency-key", "r")
        yield text_pb2.ChatResponse(started=text_pb2.GenerationStarted(request_id=name, model="echo"))
        for word in ("you", " said", f" {request.messages[-1].content}"):
            yield text_pb2.ChatResponse(delta=text_pb2.GenerationDelta(text=word))
        end = text_pb2.SequenceResult(finish_reason=text_pb2.FINISH_REASON_STOP)
        usage = text_pb2.Usage(prompt_token_count=len(request.messages))
        yield text_pb2.ChatResponse(finished=text_pb2.GenerationFinished(sequences=[end], usage=usage))

    def Embed(self, request, context):
        vectors = [text_pb2.Embedding(values=[len(text), 1.0]) for text in request.inputs]
        return text_pb2.EmbedResponse(embeddings=vectors, model="echo", model_stamp="echo@1")

    def Score(self, request, context):
        scores = [text_pb2.ContinuationScore(logprob=-len(text)) for text in request.continuations]
        return text_pb2.ScoreResponse(scores=scores)

    def ListModels(self, request, context):
        if dict(context.invocation_metadata()).get("authorization") == "Bearer wrong":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a valid API key is needed")
        return text_pb2.ListModelsResponse(
            models=[text_pb2.Model(id="echo", architecture="EchoForCausalLM", capabilities=[2])]
        )


class Image(image_pb2_grpc.ImageServiceServicer):
    def Generate(self, request, context):
        yield image_pb2.GenerateResponse(queued=image_pb2.Queued(model="paint"))
        yield image_pb2.GenerateResponse(progress=image_pb2.Progress(step=1, step_count=1))
        count = request.parameters.count or 1
        for index in range(count):
            seed = request.parameters.seed + index
            loras = "".join(f" +{lora.name}={lora.scale:g}" for lora in request.parameters.loras)
            file = image_pb2.Image(data=f"{request.prompt}{loras} {seed}".encode(), format=1)
            result = image_pb2.ImageResult(index=index, image=file, seed=seed)
            if request.prompt == "bad":
                result.image.data = b""
                result.safety.withheld = True
            yield image_pb2.GenerateResponse(image=result)
        timings = image_pb2.Timings(
            queue_ms=500, denoise_ms=1500, device_share_ms=750, batch_occupancy=0.5, energy_joules=3
        )
        finished = image_pb2.Finished(image_count=count, image_step_count=20 * count, timings=timings)
        yield image_pb2.GenerateResponse(finished=finished)

    def Score(self, request, context):
        bits = [len(image.data) + request.steps for image in request.images]
        bounds = [image_pb2.LikelihoodBound(bits_per_dimension=item) for item in bits]
        return image_pb2.ScoreResponse(bounds=bounds, method=str(request.method))

    def ListModels(self, request, context):
        return image_pb2.ListModelsResponse(models=[image_pb2.Model(id="paint")])


class Search(search_pb2_grpc.SearchServiceServicer):
    def Search(self, request, context):
        if request.embedding_model not in ("", "echo@1"):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "another model's vectors")
        told = text_format.MessageToString(request.query, as_one_line=True)
        plan = search_pb2.SearchPlan(lexical=told) if request.explain else None
        return search_pb2.SearchResponse(hits=[HIT], plan=plan)


class Collections(collection_pb2_grpc.CollectionServiceServicer):
    """An empty collection "old" behind the alias "live"."""

    def __init__(self, documents):
        self._documents = documents
        self.aliases = {"live": "old"}
        self.kept = {"old": collection_pb2.Collection(name="old", dimension=2, metric=1, aliases=["live"])}

    def GetCollection(self, request, context):
        name = self.aliases.get(request.name, request.name)
        if name not in self.kept:
            context.abort(grpc.StatusCode.NOT_FOUND, name)
        return collection_pb2.GetCollectionResponse(collection=self.kept[name])

    def CreateCollection(self, request, context):
        self.kept[request.collection.name] = request.collection
        return collection_pb2.CreateCollectionResponse(collection=request.collection)

    def DeleteCollection(self, request, context):
        self._documents.clear()
        return collection_pb2.DeleteCollectionResponse()

    def SwapAlias(self, request, context):
        self.aliases[request.alias] = request.collection
        return collection_pb2.SwapAliasResponse()


class Rag(rag_pb2_grpc.RagServiceServicer):
    def Ask(self, request, context):
        if request.history:
            query = f"{request.history[0].content} {request.history[1].content} {request.question}"
            yield rag_pb2.AskResponse(rewritten=rewriting_pb2.Rewritten(query=query, method="history"))
        suspicions = [injection_pb2.Suspicion(kind="role")] * 2 if request.injection_defence else []
        passage = rag_pb2.Passage(number=1, hit=HIT, suspicions=suspicions)
        names = request.collections or [request.collection]
        omitted = [injection_pb2.OmittedPassage(chunk_id=f"{name}#9", reason=4) for name in names]
        yield rag_pb2.AskResponse(retrieved=rag_pb2.Retrieved(passages=[passage], omitted=omitted))
        for piece in ("Because ", "[1]."):
            yield rag_pb2.AskResponse(delta=rag_pb2.AnswerDelta(text=piece))
        citation = rag_pb2.Citation(number=1, document_id="a.md", end_byte=5, answer_end_byte=7)
        yield rag_pb2.AskResponse(citation=citation)
        sentence = support_pb2.SentenceSupport(
            number=1,
            answer_end_byte=8,
            supported=not request.supported_only,
            repeats_instruction=bool(suspicions),
        )
        yield rag_pb2.AskResponse(sentence=sentence)
        support = rag_pb2.Groundedness(
            score=1, sentence_count=1, supported_sentence_count=1, method="words", sentences=[sentence]
        )
        told = text_format.MessageToString(request, as_one_line=True)
        end = rag_pb2.AskFinished(
            groundedness=support, finish_reason=1, abstention=request.support_method, model=told
        )
        yield rag_pb2.AskResponse(finished=end)

    def __init__(self, documents):
        self._documents = documents

    def IngestDocuments(self, requests, context):
        collection = next(requests).start.collection
        end = rag_pb2.IngestDocumentsFinished(collection=collection)
        for request in requests:
            file = request.file
            if file.data == b"bad":
                refused = rag_pb2.FileRefused(id=file.id, field="file.data", description="is bad")
                end.refused_count += 1
                yield rag_pb2.IngestDocumentsResponse(refused=refused)
            else:
                self._documents[file.id] = document_pb2.Document(id=file.id, metadata=file.metadata)
                end.stored_count += 1
                end.chunk_count += 1
                yield rag_pb2.IngestDocumentsResponse(
                    stored=rag_pb2.FileStored(id=file.id, chunk_count=1, lsn=1)
                )
        yield rag_pb2.IngestDocumentsResponse(finished=end)


class Documents(document_pb2_grpc.DocumentServiceServicer):
    def __init__(self, documents):
        self._documents = documents

    def ListDocuments(self, request, context):
        return document_pb2.ListDocumentsResponse(documents=self._documents.values())

    def DeleteDocuments(self, request, context):
        wanted = [item.condition for item in request.filter.all.filters]
        gone = [
            id
            for id, document in self._documents.items()
            if id in request.ids
            or (wanted and all(document.metadata.fields.get(each.field) == each.equals for each in wanted))
        ]
        for id in gone:
            del self._documents[id]
        return document_pb2.DeleteDocumentsResponse(deleted_count=len(gone))


class Health(health_pb2_grpc.HealthServicer):
    def __init__(self, serving):
        self._serving = serving

    def Check(self, request, context):
        if request.service not in self._serving:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return health_pb2.HealthCheckResponse(status=1 if self._serving[request.service] else 2)


def refuse(context, message, field):
    info = error_details_pb2.ErrorInfo(reason="INVALID_INPUT", metadata={"request_id": "r-1"})
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message)
    for detail in (info, error_details_pb2.BadRequest(field_violations=[violation])):
        status.details.add().Pack(detail)
    context.set_trailing_metadata(
        (("grpc-status-details-bin", status.SerializeToString()), ("x-request-id", "r-1"))
    )
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)


def turn_away(context):
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="too many requests wait")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(20)
    for detail in (error_details_pb2.ErrorInfo(reason="QUEUE_FULL"), retry):
        status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, status.message)


@pytest.fixture
def health():
    return {"": True, "quadrille.text.v1.TextService": True, "quadrille.image.v1.ImageService": True}


@pytest.fixture
def address(health):
    server = grpc.server(ThreadPoolExecutor(4))
    text_pb2_grpc.add_TextServiceServicer_to_server(Text(), server)
    image_pb2_grpc.add_ImageServiceServicer_to_server(Image(), server)
    search_pb2_grpc.add_SearchServiceServicer_to_server(Search(), server)
    documents = {}
    rag_pb2_grpc.add_RagServiceServicer_to_server(Rag(documents), server)
    document_pb2_grpc.add_DocumentServiceServicer_to_server(Documents(documents), server)
    collection_pb2_grpc.add_CollectionServiceServicer_to_server(Collections(documents), server)
    health_pb2_grpc.add_HealthServicer_to_server(Health(health), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """Where fake services note that they ended, in order."""
    path = tmp_path / "journal"
    path.touch()
    monkeypatch.setenv("FAKE_JOURNAL", str(path))
    return path


@pytest.fixture
def fake_services(tmp_path, monkeypatch, journal):
    """Packages named like the true services, so that `python -m textgen` runs a tiny one."""
    for name in ("textgen", "imagegen", "retrieval", "gateway"):
        package = tmp_path / "fakes" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        shutil.copy(FAKE, package / "__main__.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fakes"))
    return journal


@pytest.fixture
def make_stack(tmp_path, journal):
    """Stacks of tiny real processes; each name maps to how it misbehaves, "" for not at all."""
    stacks = []

    def make(modes, *, door=None, ready_url=None, **options):
        ports = Ports.free()
        numbers = (ports.gateway, ports.text, ports.image)
        services = [
            Service(
                name=name,
                command=(sys.executable, str(FAKE), name),
                address=f"127.0.0.1:{port}",
                environment={f"QUADRILLE_{name.upper()}_PORT": str(port), f"FAKE_{name.upper()}": mode},
                door=name == door,
                ready_url=ready_url,
            )
            for (name, mode), port in zip(modes.items(), numbers, strict=False)
        ]
        stack = Stack(services, tmp_path / "logs", **options)
        stacks.append(stack)
        return stack

    yield make
    for stack in stacks:
        stack.stop()
