"""Short ways to usual answers."""

from __future__ import annotations

import io
from pathlib import Path as FilePath
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.contrib.responses.files import send_file
from lilya.contrib.responses.json import jsonify
from lilya.contrib.responses.shortcuts import (
    abort,
    empty,
    forbidden,
    json_error,
    not_found,
    redirect,
    send_json,
    stream,
    unauthorized,
)
from lilya.exceptions import ImproperlyConfigured
from lilya.routing import Path
from lilya.testclient import AsyncTestClient


async def answer(make: Any, **options: Any) -> Any:
    async def handler() -> Any:
        return make()

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
        return await client.get("/", follow_redirects=False, **options)


@pytest.mark.parametrize(
    ("make", "status", "body"),
    [
        (lambda: send_json({"a": 1}, 201), 201, '{"a":1}'),
        (lambda: json_error("bad"), 400, '{"error":"bad"}'),
        (lambda: unauthorized("who?"), 401, '{"error":"who?"}'),
        (lambda: forbidden("no"), 403, '{"error":"no"}'),
        (lambda: not_found("gone"), 404, '{"error":"gone"}'),
        (lambda: stream(iter(["a", "b"])), 200, "ab"),
        (lambda: empty(), 204, ""),
        (lambda: abort(409, {"e": 1}), 409, '{"e":1}'),
        (lambda: abort(410), 410, "Gone"),
        (lambda: jsonify(1), 200, "1"),
        (lambda: jsonify(1, 2), 200, "[1,2]"),
        (lambda: jsonify(a=1, status_code=202), 202, '{"a":1}'),
        (lambda: jsonify(), 200, "{}"),
    ],
)
async def test_each_gives_its_answer(make: Any, status: int, body: str) -> None:
    response = await answer(make)
    assert (response.status_code, response.text) == (status, body)


async def test_what_they_are_given_reaches_the_headers() -> None:
    assert (await answer(lambda: redirect("/there"))).headers["location"] == "/there"
    assert (await answer(lambda: redirect("/there"))).status_code == 307
    assert (await answer(lambda: abort(401, headers={"www-authenticate": "x"}))).headers["www-authenticate"] == "x"
    response = await answer(lambda: jsonify(a=1, headers={"x-a": "b"}, cookies={"c": "d"}))
    assert response.headers["x-a"] == "b"
    assert response.cookies["c"] == "d"
    assert (await answer(lambda: stream(["a"], mimetype="text/csv"))).headers["content-type"].startswith("text/csv")


def test_values_and_keywords_make_no_json() -> None:
    with pytest.raises(ImproperlyConfigured):
        jsonify(1, a=2)


async def test_a_file_is_sent_by_path_and_open(tmp_path: FilePath) -> None:
    file = tmp_path / "page.csv"
    file.write_bytes(b"a,b")
    shown = await answer(lambda: send_file(file, max_age=60))
    assert (shown.content, shown.headers["cache-control"]) == (b"a,b", "max-age=60")
    assert shown.headers["content-type"].startswith("text/csv")
    assert shown.headers["content-disposition"].startswith("inline")
    saved = await answer(lambda: send_file(str(file), as_attachment=True, attachment_filename="x.csv"))
    assert saved.headers["content-disposition"] == 'attachment; filename="x.csv"'
    opened = await answer(lambda: send_file(io.BytesIO(b"abc"), mimetype="text/x-abc", as_attachment=True))
    assert opened.content == b"abc"
    assert opened.headers["content-disposition"] == 'attachment; filename="download"'
    part = await answer(lambda: send_file(file), headers={"range": "bytes=0-0"})
    assert (part.status_code, part.content) == (206, b"a")
