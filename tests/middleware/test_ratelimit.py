"""Rate limits, on a virtual clock."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.apps import Lilya
from lilya.exceptions import HTTPException, ImproperlyConfigured
from lilya.middleware import DefineMiddleware
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.ratelimit import MemoryRateLimitStore, RateLimitMiddleware, RateLimitStore, client_key
from lilya.requests import Connection, Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, WebSocketPath
from lilya.testing import cancel_everywhere, disconnect_everywhere
from tests.routing.client import call, fail, talk
from tests.support.wire import Wire, http_scope, request


async def home() -> str:
    return "home"


async def chat(websocket: Any) -> None:
    await websocket.accept()


ROUTES = [Path("/", home), WebSocketPath("/", chat)]


def limited(limit: int = 2, window: float = 10, **options: Any) -> Lilya:
    layer = DefineMiddleware(RateLimitMiddleware, limit, window, **options)
    return Lilya(routes=list(ROUTES), middleware=[layer])


async def test_who_asks_too_often_waits_as_long_as_it_is_told() -> None:
    app = limited()
    first = await call(app)
    assert (first.status, first.headers["ratelimit-policy"]) == (200, '"default";q=2;w=10')
    assert first.headers["ratelimit"] == '"default";r=1;t=10'
    await anyio.sleep(4)
    assert (await call(app)).headers["ratelimit"] == '"default";r=0;t=6'
    refused = await call(app)
    assert (refused.status, refused.text) == (429, "Too Many Requests")
    assert refused.headers["retry-after"] == "6"
    assert refused.headers["ratelimit"] == '"default";r=0;t=6'
    await anyio.sleep(5.5)
    assert (await call(app)).headers["retry-after"] == "1"
    await anyio.sleep(0.5)
    assert (await call(app)).status == 200
    assert (await call(app)).status == 429


async def test_clients_are_counted_each_for_itself() -> None:
    app = limited(1)
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"):
        assert (await call(app, client=(address, 1))).status == 200
        assert (await call(app, client=(address, 2))).status == 429


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        ({"client": ("192.0.2.1", 1)}, "192.0.2.1"),
        ({"client": ("::ffff:192.0.2.1", 1)}, "192.0.2.1"),
        ({"client": ("2001:db8::1:2:3:4", 1)}, "2001:db8::/64"),
        ({"client": ("2001:db8::ffff", 1)}, "2001:db8::/64"),
        ({"client": ("testclient", 1)}, "testclient"),
        ({"client": None}, "unknown"),
        ({"client": ("10.0.0.1", 1), "real-clientip": "192.0.2.7"}, "192.0.2.7"),
    ],
)
def test_a_client_is_known_by_its_address(scope: Any, key: str) -> None:
    assert client_key(Connection(http_scope(**scope))) == key


async def test_behind_a_proxy_the_client_is_counted_and_not_the_proxy() -> None:
    layers = [
        DefineMiddleware(ClientIPMiddleware, trusted_proxies=["10.0.0.1"]),
        DefineMiddleware(RateLimitMiddleware, 1, 10),
    ]
    app = Lilya(routes=list(ROUTES), middleware=layers)

    async def ask(address: str) -> int:
        return (await call(app, client=("10.0.0.1", 1), headers=[(b"x-forwarded-for", address.encode())])).status

    assert [await ask("192.0.2.1"), await ask("192.0.2.2"), await ask("192.0.2.1")] == [200, 200, 429]


async def test_anything_may_be_counted() -> None:
    def by_header(connection: Connection) -> str | None:
        return connection.headers.get("x-key")

    async def by_header_too(connection: Connection) -> str | None:
        await anyio.lowlevel.checkpoint()
        return connection.headers.get("x-key")

    for key in (by_header, by_header_too):
        app = limited(1, key=key)
        assert [(await call(app)).status for _ in range(3)] == [200] * 3
        assert "ratelimit" not in (await call(app)).headers
        headers = [(b"x-key", b"a")]
        assert [(await call(app, headers=headers)).status for _ in range(2)] == [200, 429]


async def test_a_websocket_counts_by_its_handshake() -> None:
    app = limited(1)
    assert (await talk(app)).types[0] == "websocket.accept"
    assert (await talk(app)).types == ["websocket.close"]
    denied = await talk(app, extensions={"websocket.http.response": {}})
    assert (denied.status, denied.headers["retry-after"]) == (429, "10")


async def test_layers_may_share_a_store_under_names_of_their_own() -> None:
    store = MemoryRateLimitStore()
    layers = [
        DefineMiddleware(RateLimitMiddleware, 5, 60, store=store, name="minute"),
        DefineMiddleware(RateLimitMiddleware, 1, 2, store=store, name="burst"),
    ]
    app = Lilya(routes=list(ROUTES), middleware=layers)
    first = await call(app)
    assert [value for name, value in first.sent[0]["headers"] if name == b"ratelimit-policy"] == [
        b'"burst";q=1;w=2',
        b'"minute";q=5;w=60',
    ]
    assert (await call(app)).headers["ratelimit-policy"] == '"minute";q=5;w=60'
    assert len(store) == 2
    assert isinstance(store, RateLimitStore)


@pytest.mark.parametrize("level", ["application", "include", "path"])
async def test_a_refusal_is_for_the_exception_handlers_at_every_level(level: str) -> None:
    async def handled(request: Request, exc: HTTPException) -> PlainText:
        return PlainText("slowly", status_code=exc.status_code, headers=exc.headers)

    options: dict[str, Any] = {"middleware": [DefineMiddleware(RateLimitMiddleware, 1, 10)]}
    handlers: dict[str, Any] = {"exception_handlers": {429: handled}}
    apps = {
        "application": lambda: Lilya(routes=list(ROUTES), **options, **handlers),
        "include": lambda: Lilya(routes=[Include("/", routes=list(ROUTES), **options)], **handlers),
        "path": lambda: Lilya(routes=[Path("/", home, **options, **handlers)]),
    }
    app = apps[level]()
    assert (await call(app)).status == 200
    refused = await call(app)
    assert (refused.status, refused.text, refused.headers["retry-after"]) == (429, "slowly", "10")


async def test_the_memory_store_forgets_what_is_over_and_holds_no_more_than_it_may() -> None:
    store = MemoryRateLimitStore(max_keys=3)
    for name in "abcde":
        await store.hit(name, 1, 10)
    assert len(store) == 3
    assert not (await store.hit("e", 1, 10)).allowed
    assert (await store.hit("a", 1, 10)).allowed  # forgotten: it starts anew
    await anyio.sleep(11)
    await store.hit("x", 1, 10)
    await store.hit("x", 1, 10)
    assert len(store) == 1


async def test_another_store_may_count() -> None:
    class Slow(MemoryRateLimitStore):
        async def hit(self, key: str, limit: int, window: float) -> Any:
            await anyio.sleep(1)
            return await super().hit(key, limit, window)

    app = limited(1000, store=Slow())
    assert (await call(app)).status == 200

    def make() -> Any:
        return app, http_scope()

    assert await disconnect_everywhere(make, [request()]) > 2
    assert await cancel_everywhere(make, [request()]) > 2


async def test_at_the_same_time_no_more_are_let_by() -> None:
    app = limited(3)
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await call(app)).status)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)
    assert sorted(statuses) == [200] * 3 + [429] * 7


async def test_a_fault_of_the_configuration_is_no_unknown_client() -> None:
    class App:
        settings = type("Settings", (), {"trusted_proxies": "10.0.0.1"})

    answer = await fail(RateLimitMiddleware(PlainText(""), 1, 1), app=App())
    assert isinstance(answer.error, ImproperlyConfigured)


@pytest.mark.parametrize(
    "options", [{"limit": 0}, {"window": 0}, {"window": float("nan")}, {"name": 'a"'}, {"name": ""}]
)
def test_what_cannot_work_is_told_when_it_is_built(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        RateLimitMiddleware(PlainText(""), **{"limit": 1, "window": 1, **options})
    with pytest.raises(ImproperlyConfigured):
        MemoryRateLimitStore(max_keys=0)


async def test_a_lifespan_passes() -> None:
    seen: list[Any] = []

    async def inside(*args: Any) -> None:
        seen.append(args)

    await RateLimitMiddleware(inside, 1, 1)({"type": "lifespan"}, Wire().receive, Wire().send)
    assert len(seen) == 1
