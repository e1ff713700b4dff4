from dataclasses import replace

from serving.concerns import Traced
from serving.interceptor import Incoming
from serving.tracing import make_tracer_provider, trace_metadata

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


async def test_a_callers_trace_is_carried_on_where_nothing_is_exported():
    traced = Traced(make_tracer_provider("text", None))
    incoming = Incoming("/quadrille.text.v1.TextService/Embed", TRACE, "id", None, None)

    async def proceed():
        return trace_metadata()

    assert await traced(incoming, proceed) == TRACE
    assert await traced(replace(incoming, metadata={}), proceed) == {}
