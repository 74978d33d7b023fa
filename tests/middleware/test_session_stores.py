"""Sessions on the server, and what fixes them to an address."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware import DefineMiddleware
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.session_fixing import SessionFixingMiddleware
from lilya.middleware.sessions import MemorySessionStore, SessionMiddleware, SessionStore, SessionTooLarge
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.testing import cancel_everywhere, disconnect_everywhere
from tests.middleware.test_sessions import KEY, ROUTES, cookie_of, cookies_of, sent, signed
from tests.routing.client import call, fail, talk
from tests.support.wire import Wire, http_scope, request


async def login(request: Request) -> PlainText:
    request.session["user"] = "ada"
    request.session.regenerate()
    return PlainText("in")


async def logout(request: Request) -> PlainText:
    request.session.invalidate()
    return PlainText("out")


def stored(*more: Any, store: SessionStore | None = None, **options: Any) -> tuple[Lilya, Any]:
    store = MemorySessionStore() if store is None else store
    layer = DefineMiddleware(SessionMiddleware, KEY, store=store, **options)
    return Lilya(routes=[*more, Path("/login", login), Path("/logout", logout), *ROUTES], middleware=[layer]), store


async def test_the_cookie_holds_an_id_and_the_store_the_rest() -> None:
    app, store = stored()
    first = await call(app, "/put/a")
    assert len(cookie_of(first)) < 200
    assert (await call(app, **sent(cookie_of(first)))).json == {"a": 1}
    again = await call(app, "/put/b", **sent(cookie_of(first)))
    assert cookies_of(again) == []  # the id is the same
    assert (await call(app, **sent(cookie_of(first)))).json == {"a": 1, "b": 1}
    assert len(store) == 1


async def test_what_is_changed_deep_inside_is_kept() -> None:
    app, _ = stored()
    cookie = cookie_of(await call(app, "/deep"))
    await call(app, "/deep", **sent(cookie))
    assert (await call(app, **sent(cookie))).json == {"cart": {"items": [1, 1]}}


async def test_an_emptied_session_is_gone() -> None:
    app, store = stored()
    cookie = cookie_of(await call(app, "/put/a"))
    (removed,) = cookies_of(await call(app, "/clear", **sent(cookie)))
    assert removed.startswith("session=null; ")
    assert len(store) == 0
    assert (await call(app, **sent(cookie))).json == {}


async def test_a_new_id_ends_the_old_one() -> None:
    app, store = stored()
    before = cookie_of(await call(app, "/put/a"))
    after = cookie_of(await call(app, "/login", **sent(before)))
    assert after != before
    assert (await call(app, **sent(after))).json == {"a": 1, "user": "ada"}
    assert (await call(app, **sent(before))).json == {}
    assert len(store) == 1


async def test_a_session_that_is_invalidated_and_used_again_is_another() -> None:
    async def out(request: Request) -> PlainText:
        request.session.invalidate()
        request.session["message"] = "bye"
        return PlainText("")

    app, store = stored(Path("/out", out))
    before = cookie_of(await call(app, "/put/a"))
    after = cookie_of(await call(app, "/out", **sent(before)))
    assert (await call(app, **sent(after))).json == {"message": "bye"}
    assert (await call(app, **sent(before))).json == {}
    assert len(store) == 1


async def together(app: Lilya, cookie: str, *paths: str) -> None:
    """Requests of one client at the same time: each has loaded the session before another one saves it."""
    async with anyio.create_task_group() as tasks:
        for path in paths:

            async def ask(path: str = path) -> None:
                await call(app, path, **sent(cookie))

            tasks.start_soon(ask)


async def slowly(request: Request, key: str, seconds: float) -> PlainText:
    await anyio.sleep(seconds)
    request.session[key] = seconds
    return PlainText("")


async def remove(request: Request, seconds: float) -> PlainText:
    await anyio.sleep(seconds)
    del request.session["a"]
    return PlainText("")


async def slow_logout(request: Request, seconds: float) -> PlainText:
    await anyio.sleep(seconds)
    request.session.invalidate()
    return PlainText("")


SLOW = [
    Path("/slow/{key}/{seconds:float}", slowly),
    Path("/remove/{seconds:float}", remove),
    Path("/logout/{seconds:float}", slow_logout),
]


async def test_changes_of_several_keys_at_the_same_time_are_all_kept() -> None:
    app, _ = stored(*SLOW)
    cookie = cookie_of(await call(app, "/put/a"))
    await call(app, "/put/z", **sent(cookie))
    await together(app, cookie, "/slow/b/2.0", "/slow/c/1.0", "/remove/3.0", "/slow/c/4.0")
    assert (await call(app, **sent(cookie))).json == {"z": 1, "b": 2.0, "c": 4.0}


async def test_a_request_that_was_under_way_does_not_bring_back_who_logged_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, store = stored(*SLOW, Path("/relogin/{seconds:float}", slow_login))
    cookie = cookie_of(await call(app, "/put/a"))
    with caplog.at_level(logging.INFO, "lilya.sessions"):
        await together(app, cookie, "/logout/1.0", "/slow/b/2.0", "/relogin/3.0")
    assert (await call(app, **sent(cookie))).json == {}
    assert len(store) == 0
    assert caplog.messages == ["a session was ended by another request: the changes of this one are dropped"] * 2


async def slow_login(request: Request, seconds: float) -> PlainText:
    await anyio.sleep(seconds)
    request.session["user"] = "ada"
    request.session.regenerate()
    return PlainText("")


async def test_what_is_changed_after_the_answer_has_begun_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def late(request: Request) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            yield "a"
            request.session["late"] = 1

        return StreamingResponse(body)

    async def late_logout(request: Request) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            yield "a"
            request.session.clear()

        return StreamingResponse(body)

    app, store = stored(Path("/late", late), Path("/late_logout", late_logout))
    cookie = cookie_of(await call(app, "/put/a"))
    await call(app, "/late", **sent(cookie))
    assert (await call(app, **sent(cookie))).json == {"a": 1, "late": 1}
    await call(app, "/late_logout", **sent(cookie))
    assert len(store) == 0
    with caplog.at_level(logging.WARNING, "lilya.sessions"):
        await call(app, "/late")
    assert "it is not kept" in caplog.messages[0]
    assert len(store) == 0


async def test_a_websocket_keeps_what_it_changes_to_its_end() -> None:
    async def chat(websocket: Any) -> None:
        await websocket.accept()
        websocket.session["n"] = await websocket.receive_text()

    app, _ = stored(WebSocketPath("/ws", chat))
    cookie = cookie_of(await call(app, "/put/a"))
    await talk(app, "/ws", {"type": "websocket.receive", "text": "seven"}, **sent(cookie))
    assert (await call(app, **sent(cookie))).json == {"a": 1, "n": "seven"}


async def test_a_session_in_use_is_renewed() -> None:
    store = MemorySessionStore(clock=anyio.current_time)
    app, _ = stored(store=store, max_age=100)
    cookie = cookie_of(await call(app, "/put/a"))
    await anyio.sleep(80)
    assert (await call(app, "/put/a", **sent(cookie))).json == {"a": 2}  # a change renews it in the store
    await anyio.sleep(80)
    assert (await call(app, **sent(cookie))).json == {"a": 2}
    await anyio.sleep(30)
    assert (await call(app, **sent(cookie))).json == {}
    assert len(store) == 0


async def test_the_cookie_is_renewed_with_it() -> None:

    app, store = stored(max_age=1000)
    await store.create("id", {"a": b"1"}, 1000)
    answer = await call(app, **sent(signed(b"id", age=600)))
    assert answer.json == {"a": 1}
    assert (await call(app, **sent(cookie_of(answer)))).json == {"a": 1}


@pytest.mark.parametrize("values", [{"a": b"{broken"}, {"a": b"\xff"}])
async def test_what_cannot_be_read_is_an_empty_session(values: dict[str, bytes]) -> None:

    app, store = stored()
    await store.create("id", values, None)
    assert (await call(app, **sent(signed(b"id")))).json == {}


async def test_keys_are_text() -> None:
    async def odd(request: Request) -> PlainText:
        request.session[1] = 1
        return PlainText("")

    answer = await fail(stored(Path("/odd", odd))[0], "/odd")
    assert isinstance(answer.error, TypeError)
    assert answer.status == 500


# -- the store in memory ---------------------------------------------------------------------------------------------


async def test_the_memory_store_forgets_those_unused_longest() -> None:
    store = MemorySessionStore(max_sessions=2)
    for name in ("a", "b"):
        await store.create(name, {"x": b"1"}, None)
    assert await store.load("a") == {"x": b"1"}
    await store.create("c", {"x": b"1"}, None)
    assert [await store.load(name) is not None for name in ("a", "b", "c")] == [True, False, True]


async def test_the_memory_store_bounds_what_one_may_hold() -> None:
    store = MemorySessionStore(max_session_size=10)
    with pytest.raises(SessionTooLarge, match="max_session_size=10"):
        await store.create("a", {"x": b"1234567890"}, None)
    await store.create("a", {"x": b"12345"}, None)
    with pytest.raises(SessionTooLarge):
        await store.change("a", {"y": b"12345"}, [], None)
    assert await store.load("a") == {"x": b"12345"}
    assert await store.change("a", {"y": b"12345"}, ["x"], None)
    assert await store.load("a") == {"y": b"12345"}
    assert not await store.change("b", {}, [], None)
    with pytest.raises(ImproperlyConfigured):
        MemorySessionStore(max_sessions=0)


async def test_what_it_hands_out_is_nobody_elses() -> None:
    store = MemorySessionStore()
    await store.create("a", {"x": b"1"}, None)
    found: Any = await store.load("a")
    found["x"] = b"2"
    assert await store.load("a") == {"x": b"1"}
    assert isinstance(store, SessionStore)


class Slow(MemorySessionStore):
    """A store that takes its time, as one behind a network does."""

    async def load(self, session_id: str) -> Mapping[str, bytes] | None:
        await anyio.sleep(0.1)
        return await super().load(session_id)

    async def change(
        self, session_id: str, changed: Mapping[str, bytes], removed: Collection[str], max_age: float | None
    ) -> bool:
        await anyio.sleep(0.1)
        return await super().change(session_id, changed, removed, max_age)


async def test_it_ends_cleanly_wherever_the_client_leaves_or_it_is_cancelled() -> None:
    app, _ = stored(store=Slow())
    cookie = cookie_of(await call(app, "/put/a"))

    def make() -> Any:
        return app, http_scope("/login", **sent(cookie))

    assert await disconnect_everywhere(make, [request()]) > 2
    assert await cancel_everywhere(make, [request()]) > 4


# -- fixed to an address ---------------------------------------------------------------------------------------------


def fixed(notify_fn: Any = None, **options: Any) -> tuple[Lilya, MemorySessionStore]:
    store = MemorySessionStore()
    layers = [
        DefineMiddleware(SessionMiddleware, KEY, store=store),
        DefineMiddleware(SessionFixingMiddleware, notify_fn),
    ]
    return Lilya(routes=ROUTES, middleware=layers), store


async def test_a_session_ends_when_its_client_has_another_address() -> None:
    told: list[dict[str, Any]] = []

    def notify(**given: Any) -> None:
        told.append({**given, "new_session": dict(given["new_session"])})

    app, store = fixed(notify)
    first = await call(app, "/put/a", client=("192.0.2.1", 1))
    assert first.json == {"a": 1}
    cookie = cookie_of(first)
    assert (await call(app, "/put/a", client=("192.0.2.1", 2), **sent(cookie))).json["a"] == 2
    stolen = await call(app, client=("192.0.2.66", 1), **sent(cookie))
    assert stolen.json == {}
    assert told == [
        {
            "old_session": {"a": 2, "real-clientip": "192.0.2.1"},
            "old_ip": "192.0.2.1",
            "new_session": {},
            "new_ip": "192.0.2.66",
        }
    ]
    assert len(store) == 0


async def test_an_empty_session_stays_empty() -> None:
    app, store = fixed()
    assert cookies_of(await call(app)) == []
    assert len(store) == 0


async def noted(*, new_session: Any, **given: Any) -> None:
    new_session["welcome"] = "back"


async def test_the_new_session_may_be_filled_by_whoever_is_notified() -> None:
    for notify in (noted, "tests.middleware.test_session_stores.noted"):
        app, _ = fixed(notify)
        cookie = cookie_of(await call(app, "/put/a", client=("192.0.2.1", 1)))
        assert (await call(app, client=("192.0.2.2", 1), **sent(cookie))).json == {"welcome": "back"}


async def test_the_address_is_that_behind_the_proxies() -> None:
    layers = [
        DefineMiddleware(ClientIPMiddleware, trusted_proxies=["10.0.0.1"]),
        DefineMiddleware(SessionMiddleware, KEY),
        SessionFixingMiddleware,
    ]
    app = Lilya(routes=ROUTES, middleware=layers)
    first = await call(app, "/put/a", client=("10.0.0.1", 1), **sent("", **{"x-forwarded-for": "192.0.2.1"}))
    same = sent(cookie_of(first), **{"x-forwarded-for": "192.0.2.1"})
    assert (await call(app, client=("10.0.0.1", 1), **same)).json == {"a": 1, "real-clientip": "192.0.2.1"}
    other = sent(cookie_of(first), **{"x-forwarded-for": "192.0.2.2"})
    assert (await call(app, client=("10.0.0.1", 1), **other)).json == {}


async def test_an_unknown_address_is_an_address() -> None:
    app, _ = fixed()
    cookie = cookie_of(await call(app, "/put/a", client=None))
    assert (await call(app, client=None, **sent(cookie))).json == {"a": 1, "real-clientip": "unknown"}
    assert (await call(app, **sent(cookie))).json == {}


async def test_any_mapping_may_be_the_session() -> None:
    scope = http_scope(session={"a": 1, "real-clientip": "192.0.2.1"})
    await SessionFixingMiddleware(PlainText(""))(scope, Wire(request()).receive, Wire().send)
    assert scope["session"] == {}


async def test_a_fault_of_the_configuration_is_no_unknown_address() -> None:
    class App:
        settings = type("Settings", (), {"trusted_proxies": "10.0.0.1"})

    with pytest.raises(ImproperlyConfigured, match="did you mean"):
        await call(SessionFixingMiddleware(PlainText("")), session={}, app=App())


async def test_it_wants_a_session_and_a_function() -> None:
    with pytest.raises(ImproperlyConfigured, match="outside of SessionFixingMiddleware"):
        await call(SessionFixingMiddleware(PlainText("")))
    for wrong in ("no.such.function", "lilya.middleware.sessions.MAX_COOKIE_SIZE"):
        with pytest.raises(ImproperlyConfigured):
            SessionFixingMiddleware(PlainText(""), wrong)

    async def inside(*args: Any) -> None: ...

    await SessionFixingMiddleware(inside)({"type": "lifespan"}, Wire().receive, Wire().send)
