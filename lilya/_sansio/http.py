"""Which HTTP message may follow which, in both directions (ASGI HTTP 2.5 and its extensions).

All legality of HTTP exchanges is in the two tables below. This module sends nothing and waits for nothing.
"""

from __future__ import annotations

from typing import Final

from lilya._sansio.machine import Phase

__all__ = ["BODY", "DONE", "GONE", "HEADERS", "READING", "SAFE_METHODS", "TRAILED", "TRAILERS", "WHOLE"]

# What changes nothing (RFC 9110, section 9.2.1, and QUERY): it needs no token; cut short, it leaves nothing half done.
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})

# What the application sends. `HEADERS`: nothing yet. `BODY`: the start is out, body messages follow; `TRAILED` the same
# when the start promised trailers, which `TRAILERS` waits for. `DONE`: the response is complete.
HEADERS = Phase("HEADERS")
BODY = Phase("BODY")
TRAILED = Phase("TRAILED")
TRAILERS = Phase("TRAILERS")
DONE = Phase("DONE")

(
    HEADERS.on("http.response.start", BODY, trailers=TRAILED)
    .on("http.response.early_hint", HEADERS)
    .on("http.response.push", HEADERS)
    .on("http.response.debug", HEADERS)
)
(
    BODY.on("http.response.body", DONE, more_body=BODY)
    .on("http.response.pathsend", DONE)
    .on("http.response.zerocopysend", DONE, more_body=BODY)
    .on("http.response.push", BODY)
    .on("http.response.debug", BODY)
)
(
    TRAILED.on("http.response.body", TRAILERS, more_body=TRAILED)
    .on("http.response.pathsend", TRAILERS)
    .on("http.response.zerocopysend", TRAILERS, more_body=TRAILED)
    .on("http.response.push", TRAILED)
    .on("http.response.debug", TRAILED)
)
TRAILERS.on("http.response.trailers", DONE, more_trailers=TRAILERS)

# What the server sends. `READING`: body messages come. `WHOLE`: the last one came. `GONE`: the client left, or the
# response is complete; the server may repeat it for ever.
READING = Phase("READING")
WHOLE = Phase("WHOLE")
GONE = Phase("GONE")

READING.on("http.request", WHOLE, more_body=READING).on("http.disconnect", GONE)
WHOLE.on("http.disconnect", GONE)
GONE.on("http.disconnect", GONE)
