"""What surrounds the HTTP application, whatever it is: patience, headers, the audit, origins."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.audit.http import AuditedHttp
from gateway.audit.log import Audit
from gateway.http import rate_limits
from gateway.http.caution import Caution
from gateway.http.origins import Origins
from gateway.http.patience import Patience
from gateway.http.secured import Secured
from gateway.streams.metrics import StreamMetrics

_READABLE = (
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "idempotency-replayed",
    *rate_limits.MEANINGS,
)


def surrounded(app: ASGIApp, caution: Caution, metrics: StreamMetrics, audit: Audit) -> ASGIApp:
    """The application with all of it around, outermost last."""
    if caution.origins:
        app = CORSMiddleware(
            app,
            allow_origins=list(caution.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=list(_READABLE),
            max_age=600,
        )
    app = Origins(app, hosts=caution.hosts, origins=caution.origins)
    app = AuditedHttp(app, audit)
    app = Secured(app, tls=caution.tls)
    return Patience(app, read_s=caution.read_s, stall_s=caution.stall_s, stalled=metrics.stalled)
