"""How large a body may be that is read as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ContentTooLarge
from lilya.requests import Request
from lilya.routing import Include, Path
from lilya.testclient import AsyncTestClient


async def whole(request: Request) -> int:
    return len(await request.body())


async def as_json(request: Request) -> Any:
    return await request.json()


async def own_bound(request: Request) -> list[Any]:
    try:
        await request.body(max_size=2)
    except ContentTooLarge as exc:
        kept = await request.body(max_size=None)
        return [exc.status_code, len(kept), len(await request.text())]
    return [200]


ROUTES = [Path(f"/{each.__name__}", each, methods=["POST"]) for each in (whole, as_json, own_bound)]


async def post(app: Lilya, path: str, size: int) -> tuple[int, str]:
    async def pieces() -> Any:
        for _ in range(size):
            yield b"1"

    async with AsyncTestClient(app) as client:
        response = await client.post(path, content=pieces())
        return response.status_code, response.text


@pytest.mark.parametrize("path", ["/whole", "/as_json"])
async def test_a_body_over_the_bound_is_a_413_and_one_of_just_that_size_is_not(path: str) -> None:
    child = ChildLilya(routes=ROUTES)
    for app, prefix in (
        (Lilya(routes=ROUTES, max_body_size=5), ""),
        (Lilya(routes=[Include("/c", app=child)], max_body_size=5), "/c"),
    ):
        assert (await post(app, prefix + path, 5))[0] == 200
        assert await post(app, prefix + path, 6) == (413, "The body is larger than 5 bytes.")
    assert (await post(Lilya(routes=ROUTES, max_body_size=None), path, 6))[0] == 200


async def test_a_reader_may_set_a_bound_of_its_own_and_nothing_is_lost_by_a_smaller_one() -> None:
    app = Lilya(routes=ROUTES, max_body_size=5)
    assert await post(app, "/own_bound", 9) == (200, "[413,9,9]")
    assert await post(app, "/own_bound", 2) == (200, "[200]")


async def test_the_usual_bound_is_sixteen_mebibytes() -> None:
    async with AsyncTestClient(Lilya(routes=ROUTES)) as client:
        assert (await client.post("/whole", content=bytes(2**24))).json() == 2**24
        assert (await client.post("/whole", content=bytes(2**24 + 1))).status_code == 413
