"""The second half of the list of what the original does wrong: settings, layers with secrets, tools (see the first)."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from pathlib import Path as FilePath
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.authentication import requires
from lilya.conf import settings
from lilya.conf.global_settings import Settings
from lilya.decorators import cache, observable
from lilya.lifecycle import forget, on_shutdown, on_startup
from lilya.middleware import DefineMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.sessions import SessionMiddleware
from lilya.requests import Request
from lilya.routing import Include, Path, WebSocketPath
from lilya.serializers import CompactSerializer, SerializerConfig
from lilya.testclient import create_async_client, create_client
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, talk
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, request

TESTS = FilePath(__file__).parents[1]

# Tests of rooms that keep exactly one of these promises, too: they may not go.
ELSEWHERE = {
    "21 browsers' boundaries": (
        "middleware/test_csrf.py::test_the_token_may_stand_in_a_form_as_browsers_send_it_with_files"
    ),
    "21 refusals are answered": (
        "middleware/test_csrf.py::test_a_refusal_is_a_403_for_the_exception_handlers_at_every_level"
    ),
    "21 disconnects": "middleware/test_csrf.py::test_it_ends_cleanly_wherever_the_client_leaves_or_it_is_cancelled",
    "22 by position": "authentication/test_requires.py::test_by_position_it_is_guarded_too",
    "22 an open websocket": "authentication/test_requires.py::test_an_open_websocket_is_closed",
    "24 rewriting": "middleware/test_sessions.py::test_only_a_change_sends_the_cookie",
    "24 vary": ("middleware/test_sessions.py::test_an_answer_depends_on_the_cookie_when_the_session_was_looked_at"),
    "26 arguments": (
        "conf/test_fields.py::test_without_a_prefix_an_argument_beats_what_everybody_has_in_the_environment"
    ),
    "28 one call for all who ask": (
        "decorators/test_cache.py::test_those_who_ask_at_the_same_time_call_the_function_once"
    ),
    "28 sync functions": "decorators/test_cache.py::test_a_sync_function_uses_an_async_backend_from_a_thread",
    "28 observable": "decorators/test_observable.py::test_a_sync_function_sends_where_there_is_no_loop",
}


@pytest.mark.parametrize("promise", ELSEWHERE)
def test_what_is_tested_elsewhere_is_tested_there(promise: str) -> None:
    file, _, name = ELSEWHERE[promise].partition("::")
    assert re.search(rf"^(async )?def {name}\b", (TESTS / file).read_text(), re.MULTILINE)


# -- 1, 26: settings --------------------------------------------------------------------------------------------------


class Passing:
    """A layer that passes all on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Loud(Settings):
    debug: bool = True
    infer_body: bool = True

    @property
    def middleware(self) -> list[Any]:
        return [Passing]


async def home() -> str:
    return "home"


def test_01_what_is_empty_or_false_is_given_and_what_is_not_given_comes_from_settings() -> None:
    taken = Lilya(settings_module=Loud)
    assert (taken.debug, len(taken.custom_middleware)) == (True, 1)
    given = Lilya(settings_module=Loud, debug=False, middleware=[])
    assert (given.debug, given.custom_middleware) == (False, [])


def test_01_what_one_application_is_given_is_not_anothers() -> None:
    Lilya(settings_module=Loud, infer_body=True, debug=True)
    assert (settings.infer_body, settings.debug) == (False, False)
    assert not Lilya().infer_body


async def test_01_the_serializer_of_an_application_writes_its_answers() -> None:
    class Spaced(SerializerConfig):
        def get_serializer(self) -> CompactSerializer:
            return CompactSerializer(separators=(" , ", " : "))

    async def pair() -> dict[str, int]:
        return {"a": 1, "b": 2}

    assert (await call(Lilya(routes=[Path("/", pair)], serializer_config=Spaced()))).text == '{"a" : 1 , "b" : 2}'
    assert (await call(Lilya(routes=[Path("/", pair)]))).text == '{"a":1,"b":2}'


def test_01_making_an_application_leaves_the_root_logger_alone_also_with_settings() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    Lilya(settings_module=Loud)
    assert (root.level, root.handlers) == before


def test_26_an_argument_beats_the_variables_everybody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEBUG", "VERSION", "ROOT_PATH"):
        monkeypatch.setenv(name, "1")
    own = Settings(debug=False, version="2", root_path="/x")
    assert (own.debug, own.version, own.root_path) == (False, "2", "/x")


# -- 19: hooks --------------------------------------------------------------------------------------------------------


async def test_19_the_hooks_of_the_process_run_around_a_lifespan_and_children_do_not_call_them_again() -> None:
    log: list[str] = []

    def up() -> None:
        log.append(f"up {threading.current_thread() is threading.main_thread()}")

    def down() -> None:
        log.append("down")

    class Life:
        async def __aenter__(self) -> None:
            log.append("in")

        async def __aexit__(self, *error: object) -> None:
            log.append("out")

    on_startup(up)
    on_shutdown(down)
    try:
        async with running(Lilya(lifespan=lambda app: Life(), routes=[Include("/", app=ChildLilya())])):
            pass
    finally:
        forget(up, down)
    assert log == ["up False", "in", "out", "down"]  # a sync hook is not called on the loop


# -- 21, 22, 24: layers with secrets ----------------------------------------------------------------------------------


async def test_21_a_change_without_a_token_is_a_403_and_options_are_safe() -> None:
    app = Lilya(
        routes=[Path("/", home, methods=["GET", "POST", "OPTIONS"])],
        middleware=[DefineMiddleware(CSRFMiddleware, "secret")],
    )
    refused = await call(app, "/", "POST")
    assert (refused.status, refused.text) == (403, "CSRF token verification failed.")
    assert (await call(app, "/", "OPTIONS")).status == 200


async def test_21_a_client_that_leaves_in_its_form_ends_the_request() -> None:
    app = Lilya(routes=[Path("/", home, methods=["POST"])], middleware=[DefineMiddleware(CSRFMiddleware, "secret")])
    kind = (b"content-type", b"application/x-www-form-urlencoded")
    cookie = (b"cookie", b"csrftoken=" + b"a" * 128)
    wire = Wire(request(b"a=", more=True), GONE)
    with anyio.fail_after(10):
        await app(http_scope("/", "POST", headers=[kind, cookie]), wire.receive, wire.send)
    assert [message for message in wire.sent if message.get("status") == 200] == []


async def test_22_a_websocket_without_the_scope_is_refused() -> None:
    @requires("admin")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()

    assert (await talk(Lilya(routes=[WebSocketPath("/", chat)]), auth=Nobody())).types == ["websocket.close"]


class Nobody:
    """Credentials without a scope."""

    scopes: tuple[str, ...] = ()


async def test_24_a_session_that_was_tampered_with_is_empty_and_no_header_comes_back() -> None:
    async def count(request: Request) -> int:
        return len(request.session)

    app = Lilya(routes=[Path("/", count)], middleware=[DefineMiddleware(SessionMiddleware, "secret")])
    for broken in (b"session=x", b"session=e30=.x.y", b"session=\xff.\xff.\xff"):
        answer = await call(app, headers=[(b"cookie", broken), (b"x-mine", b"1")])
        assert (answer.status, answer.json, "x-mine" in answer.headers) == (200, 0, False)
        assert answer.headers["vary"] == "Cookie"


# -- 27, 28: tools ----------------------------------------------------------------------------------------------------


async def test_27_a_client_needs_no_routes() -> None:
    async with create_async_client() as client:
        assert (await client.get("/none")).status_code == 404


def test_27_nor_does_a_sync_one() -> None:
    with create_client() as client:
        assert client.get("/none").status_code == 404


async def test_28_one_function_is_called_once_however_many_ask_and_another_is_not_held_up() -> None:
    calls: list[str] = []

    @cache()
    async def slow(name: str) -> str:
        calls.append(name)
        await anyio.sleep(1)
        return name

    @cache()
    def quick() -> str:
        return "quick"

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for name in ("a", "a", "b"):
            group.start_soon(slow, name)
        assert await anyio.to_thread.run_sync(quick) == "quick"
    assert sorted(calls) == ["a", "b"]
    assert anyio.current_time() - began == pytest.approx(1, abs=0.1)


def test_28_importing_and_decorating_starts_no_thread() -> None:
    program = (
        "import threading\n"
        "from lilya.decorators import cache, observable\n"
        "cache()(observable(send=['a'])(lambda: None))\n"
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


async def test_28_an_event_reaches_who_listens() -> None:
    heard: list[int] = []

    @observable(listen=["spec.event"])
    async def listens(number: int) -> None:
        heard.append(number)

    @observable(send=["spec.event"])
    async def sends(number: int) -> int:
        return number

    assert await sends(5) == 5
    assert heard == [5]
