"""Small requests that would become large: nothing of ours decompresses what a client sends."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.middleware import DefineMiddleware
from lilya.middleware.compression import CompressionMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.requests import Request
from lilya.responses import JSONResponse
from lilya.routing import Path
from tests.routing.client import call
from tests.support.house import real_house

BOMB = gzip.compress(b"a=" + b"x" * 10_000_000, mtime=0)  # the time of day may hold an equals sign


async def show(request: Request) -> JSONResponse:
    kind = request.headers["content-type"]
    body = await request.body()
    if request.is_form:
        await request.form()
    return JSONResponse({"kind": kind, "body": len(body)})


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "text/plain"])
@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
async def test_a_body_that_says_it_is_compressed(kind: str, coding: bytes) -> None:
    app = Lilya(routes=[Path("/", show, methods=["POST"])], middleware=[CompressionMiddleware])
    headers = [(b"content-type", kind.encode()), (b"content-encoding", coding), (b"transfer-encoding", coding)]
    answer = await call(app, "/", "POST", body=BOMB, headers=headers)
    if "form" in kind:
        assert (answer.status, "field name" in answer.text) == (400, True)  # what came is read as it came: no form
    else:
        assert answer.json == {"kind": kind, "body": len(BOMB)}


async def test_a_form_that_says_it_is_compressed_in_front_of_the_token() -> None:
    layer = DefineMiddleware(CSRFMiddleware, "key")
    app = Lilya(routes=[Path("/", show, methods=["POST"])], middleware=[layer])
    kind = (b"content-type", b"application/x-www-form-urlencoded")
    answer = await call(app, "/", "POST", body=BOMB, headers=[kind, (b"content-encoding", b"gzip")])
    assert answer.status == 403


def test_nothing_of_ours_can_decompress() -> None:
    """Compressing answers is all that is done with these libraries."""
    words = ("decompress", "decompressobj", "ZstdDecompressor", "GzipFile")
    found: list[Any] = [
        (module.name, word) for module in real_house() for word in words if f"{word}(" in module.source.replace(" ", "")
    ]
    assert found == []
