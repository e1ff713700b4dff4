"""The Open Inference Protocol, by stubs that any gRPC compiler makes of it: python open_inference.py [host:port]."""

import os
import sys

import grpc
from quadrille.kserve import open_inference_pb2 as oip
from quadrille.kserve.open_inference_pb2_grpc import GRPCInferenceServiceStub

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")


def texts(name: str, *values: str) -> oip.ModelInferRequest.InferInputTensor:
    """A tensor of texts."""
    contents = oip.InferTensorContents(bytes_contents=[value.encode() for value in values])
    return oip.ModelInferRequest.InferInputTensor(
        name=name, datatype="BYTES", shape=[len(values)], contents=contents
    )


def main() -> None:
    """Ask what the models take, compare three sentences, and read a text as it is written."""
    with grpc.insecure_channel(ADDRESS) as channel:
        server = GRPCInferenceServiceStub(channel)
        for model in ("minilm", "starter"):
            told = server.ModelMetadata(oip.ModelMetadataRequest(name=model))
            takes, gives = ([tensor.name for tensor in side] for side in (told.inputs, told.outputs))
            print(f"{told.name} takes {', '.join(takes)}, gives {', '.join(gives)}")

        sentences = texts("text_input", "A cat sleeps.", "Kittens nap.", "Steel rusts.")
        answer = server.ModelInfer(oip.ModelInferRequest(model_name="minilm", inputs=[sentences]))
        (embedding,) = answer.outputs
        count, size = embedding.shape
        values = embedding.contents.fp32_contents  # row by row
        cat, *others = (values[row * size : (row + 1) * size] for row in range(count))
        print(*(f"{sum(a * b for a, b in zip(cat, other, strict=True)):.2f}" for other in others))

        request = oip.ModelInferRequest(
            model_name="starter",
            inputs=[texts("text_input", "Quadrille is")],
            parameters={"max_tokens": oip.InferParameter(int64_param=24)},
        )
        for piece in server.ModelStreamInfer(iter([request])):
            if piece.error_message:
                print(piece.error_message)
            for output in piece.infer_response.outputs:
                print(output.contents.bytes_contents[0].decode(), end="", flush=True)
        print()


if __name__ == "__main__":
    main()
