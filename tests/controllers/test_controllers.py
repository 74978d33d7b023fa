"""A controller answers all methods of a path, each as a handler function would, with an instance for every request."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar

import anyio
import pytest
import trio
from anyio.abc import TaskGroup

from lilya.apps import ChildLilya, Lilya
from lilya.context import Context
from lilya.controllers import Controller
from lilya.exceptions import ContinueRouting, ImproperlyConfigured, PermissionDenied
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.routing.client import call, fail, fail_to_start
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope


class Items(Controller):
    """One of each kind."""

    async def get(self, id: int) -> dict[str, Any]:
        return {"id": id}

    def post(self, request: Request, context: Context) -> list[Any]:
        return [request.method, context.handler.name, threading.current_thread() is threading.main_thread()]

    @staticmethod
    async def put(id: int) -> int:
        return id

    @classmethod
    async def patch(cls) -> str:
        return cls.__name__


APP = Lilya(routes=[Path("/{id:int}", Items)])


async def test_each_method_is_called_with_what_it_asks_for() -> None:
    assert (await call(APP, "/3")).json == {"id": 3}
    assert (await call(APP, "/3", "PUT")).json == 3
    assert (await call(APP, "/3", "PATCH")).json == "Items"


async def test_a_sync_method_runs_in_a_thread() -> None:
    assert (await call(APP, "/3", "POST")).json == ["POST", "Items", False]


async def test_head_is_answered_by_get_without_a_body() -> None:
    answer = await call(APP, "/3", "HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "8", b"")


async def test_head_has_a_method_of_its_own_where_there_is_one() -> None:
    class Counted(Controller):
        async def get(self) -> str:
            return "counted"

        async def head(self) -> PlainText:
            return PlainText("", headers={"x-count": "7"})

    assert (await call(Lilya(routes=[Path("/", Counted)]), "/", "HEAD")).headers["x-count"] == "7"


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize(
    "app", [APP, Router([Path("/{id:int}", Items)]), Path("/{id:int}", Items)], ids=["app", "router", "path"]
)
async def test_a_method_that_is_not_there_is_refused_with_those_that_are(app: ASGIApp, method: str) -> None:
    answer = await call(app, "/3", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, PATCH, POST, PUT")


async def test_every_verb_may_be_answered_and_query_is_one() -> None:
    async def answer(self: Any, request: Request) -> str:
        return request.method

    verbs = ["get", "head", "query", "post", "put", "patch", "delete", "options", "trace"]
    everything = type("Everything", (Controller,), dict.fromkeys(verbs, answer))
    app = Lilya(routes=[Path("/", everything)])
    for verb in verbs:
        assert (await call(app, "/", verb.upper())).text == ("" if verb == "head" else f'"{verb.upper()}"')


async def test_what_is_called_connect_is_no_verb() -> None:
    class Database(Controller):
        async def get(self) -> str:
            return self.connect("db")

        def connect(self, name: str) -> str:
            return f"connected to {name}"

    app = Lilya(routes=[Path("/", Database)])
    assert (await call(app)).json == "connected to db"
    assert (await call(app, "/", "CONNECT")).status == 405


async def test_a_route_may_let_some_methods_through_only() -> None:
    app = Lilya(routes=[Path("/{id:int}", Items, methods=["get"])])
    assert (await call(app, "/3")).status == 200
    assert (await call(app, "/3", "POST")).headers["allow"] == "GET, HEAD"


async def test_several_controllers_share_a_path_by_method() -> None:
    class Writing(Controller):
        async def delete(self) -> str:
            return "deleted"

    app = Lilya(routes=[Path("/{id:int}", Items, methods=["GET"]), Path("/{id:int}", Writing)])
    assert (await call(app, "/3", "DELETE")).json == "deleted"
    assert (await call(app, "/3", "PUT")).headers["allow"] == "DELETE, GET, HEAD"


@pytest.mark.parametrize(
    "app",
    [
        Lilya(routes=[Include("/in", routes=[Path("/{id:int}", Items)])]),
        Lilya(routes=[Include("/in", app=ChildLilya(routes=[Path("/{id:int}", Items)]))]),
        Lilya(routes=[Include("/in", app=Router([Path("/{id:int}", "tests.controllers.dotted.Items")]))]),
        Lilya(routes=[Host("example.org", app=Router([Path("/in/{id:int}", Items)]))]),
    ],
    ids=["include", "child", "dotted", "host"],
)
async def test_it_works_wherever_a_route_does(app: ASGIApp) -> None:
    assert (await call(app, "/in/3")).json == {"id": 3}


async def test_it_works_inside_another_framework() -> None:
    applications: Any = pytest.importorskip("starlette.applications")
    routing: Any = pytest.importorskip("starlette.routing")
    app = applications.Starlette(routes=[routing.Mount("/in", app=Path("/{id:int}", Items))])
    assert (await call(app, "/in/3")).json == {"id": 3}
    assert (await call(app, "/in/3", "DELETE")).headers["allow"] == "GET, HEAD, PATCH, POST, PUT"


async def test_parameters_of_a_prefix_reach_it() -> None:
    class Both(Controller):
        async def get(self, team: str, id: int) -> list[Any]:
            return [team, id]

    app = Lilya(routes=[Include("/{team}", routes=[Path("/{id:int}", Both)])])
    assert (await call(app, "/red/3")).json == ["red", 3]


@pytest.mark.parametrize("name", ["name", "verb", "cls"])
async def test_a_parameter_may_have_any_name(name: str) -> None:
    class Any_(Controller):
        async def get(self, name: str = "", verb: str = "", cls: str = "") -> str:
            return name + verb + cls

    assert (await call(Lilya(routes=[Path(f"/{{{name}}}", Any_)]), "/word")).json == "word"


async def test_a_route_is_named_after_it_and_found_by_that_name() -> None:
    assert APP.path_for("Items", id=3) == "/3"


async def test_a_method_may_decline_and_the_next_route_answers() -> None:
    class Declining(Controller):
        async def get(self) -> None:
            raise ContinueRouting

    async def next_one() -> str:
        return "next"

    assert (await call(Lilya(routes=[Path("/", Declining), Path("/", next_one)]))).json == "next"


# -- instances ---------------------------------------------------------------------------------------------------------


class Counting(Controller):
    """Would see other requests if it were shared."""

    def __init__(self) -> None:
        self.seen = 0

    async def get(self) -> int:
        self.seen += 1
        await anyio.sleep(1)
        return self.seen


class Passing:
    """A plain ASGI layer, which does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.mark.parametrize("layers", [{}, {"middleware": [Passing]}, {"permissions": [Passing]}], ids=str)
async def test_every_request_has_an_instance_of_its_own_with_layers_too(layers: Any) -> None:
    app = Lilya(routes=[Path("/", Counting, **layers)])
    seen: list[Any] = []

    async def ask() -> None:
        seen.append((await call(app)).json)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert seen == [1, 1]


class WithPool(Controller):
    """Is made with arguments."""

    def __init__(self, pool: str, *, size: int = 1) -> None:
        self.pool = pool
        self.size = size

    async def get(self) -> list[Any]:
        self.size += 1
        return [self.pool, self.size]


async def test_it_may_be_made_with_arguments_for_each_request_anew() -> None:
    made = WithPool.with_init("db", size=3)
    app = Lilya(routes=[Path("/", made)])
    assert [(await call(app)).json, (await call(app)).json] == [["db", 4], ["db", 4]]
    assert issubclass(made, WithPool)
    assert (made.__name__, made.__module__, made.__doc__) == ("WithPool", __name__, "Is made with arguments.")
    assert app.path_for("WithPool") == "/"


async def test_a_dataclass_may_be_one() -> None:
    @dataclass
    class Greeting(Controller):
        word: str

        async def get(self) -> str:
            return self.word

    assert (await call(Lilya(routes=[Path("/", Greeting.with_init("hello"))]))).json == "hello"


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), (("db", 3), {}), (("db",), {"sizes": 1})])
def test_arguments_it_does_not_take_are_refused_when_they_are_given(args: Any, kwargs: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"WithPool\.with_init: WithPool does not take these: "):
        WithPool.with_init(*args, **kwargs)


def test_one_that_needs_arguments_and_has_none_is_refused_when_the_app_is_built() -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"WithPool\(\) cannot be made .*'pool'.* WithPool\.with_init\(\.\.\.\)"
    ):
        Lilya(routes=[Path("/", WithPool)])


# -- refused when the app is built -------------------------------------------------------------------------------------


def test_a_parameter_nothing_can_fill_is_named_with_route_and_method() -> None:
    class Wrong(Controller):
        async def get(self) -> None: ...
        async def post(self, ide: int) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"Path\(path='/\{id\}'.*Wrong\.post: .*'ide'.* Did you mean 'id'"):
        Lilya(routes=[Path("/{id}", Wrong)])


def test_one_that_answers_to_nothing_is_refused_and_told_the_names() -> None:
    class Nothing(Controller):
        async def fetch(self) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="Nothing answers to nothing: name its methods get, head, query"):
        Path("/", Nothing)


def test_a_method_a_route_wants_and_it_has_not_is_refused() -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"methods has BREW, DELETE, and Items has no such method; it answers"
    ):
        Path("/{id}", Items, methods=["GET", "delete", "brew"])


def test_an_abstract_one_is_refused() -> None:
    class Half(Controller, ABC):
        async def get(self) -> None: ...

        @abstractmethod
        async def post(self) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="abstract class Half"):
        Lilya(routes=[Path("/", Half)])


def test_on_a_websocket_it_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="Items answers requests; a websocket's is a WebSocketController"):
        Lilya(routes=[WebSocketPath("/{id}", Items)])


def test_an_instance_is_no_handler() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be called"):
        Path("/", Counting())  # type: ignore[arg-type]


# -- layers ------------------------------------------------------------------------------------------------------------


def layer(name: str, log: list[str]) -> type[Passing]:
    """A middleware or a permission that says when it is passed."""

    class Logging(Passing):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            log.append(name)
            await self.app(scope, receive, send)
            log.append(f"/{name}")

    return Logging


async def test_its_layers_stand_inside_those_of_its_route_and_are_built_once() -> None:
    log: list[str] = []

    def hook(name: str) -> Any:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            log.append(name)

        return run

    class Layered(Controller):
        middleware: ClassVar = [layer("own middleware", log)]
        permissions: ClassVar = [layer("own permission", log)]
        before_request: ClassVar = [hook("own before")]
        after_request: ClassVar = [hook("own after")]

        async def get(self) -> None:
            log.append("get")

    outer_middleware, outer_permissions = [layer("middleware", log)], [layer("permission", log)]
    path = Path(
        "/",
        Layered,
        middleware=outer_middleware,
        permissions=outer_permissions,
        before_request=[hook("before")],
        after_request=[hook("after")],
    )
    app = Lilya(routes=[path])
    for _ in range(2):
        log.clear()
        await call(app)
    assert log == [
        *("before", "middleware", "permission"),
        *("own before", "own middleware", "own permission", "get", "/own permission", "/own middleware", "own after"),
        *("/permission", "/middleware", "after"),
    ]
    assert (len(path.middleware), len(path.permissions)) == (1, 1)  # the lists given are left as they are
    assert (len(Layered.middleware), len(outer_middleware), len(outer_permissions)) == (1, 1, 1)


class Denying:
    """A permission nobody has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise PermissionDenied


async def test_its_permissions_guard_all_its_methods_and_no_instance_is_made_for_who_may_not() -> None:
    class Guarded(Controller):
        permissions: ClassVar = [Denying]

        def __init__(self) -> None:
            raise AssertionError("made")

        async def get(self) -> None: ...
        async def post(self) -> None: ...

    app = Lilya(routes=[Path("/", Guarded)])
    for method in ("GET", "HEAD", "POST"):
        assert (await call(app, "/", method)).status == 403
    assert (await call(app, "/", "PUT")).status == 405


class Broken(Controller):
    """Fails."""

    async def get(self) -> None:
        raise KeyError("own")

    async def post(self) -> None:
        raise LookupError("of the route")


async def test_its_exception_handlers_are_asked_first_then_those_of_the_route() -> None:
    class Handling(Broken):
        exception_handlers: ClassVar = {KeyError: lambda request, exc: PlainText("own")}

    handlers: Any = {LookupError: lambda request, exc: PlainText("the route's")}
    app = Lilya(routes=[Path("/", Handling, exception_handlers=handlers)])
    assert (await call(app)).text == "own"
    assert (await call(app, "/", "POST")).text == "the route's"


async def test_what_nobody_handles_reaches_the_server_as_it_was_raised() -> None:
    answer = await fail(Lilya(routes=[Path("/", Broken)]))
    assert isinstance(answer.error, KeyError)
    assert answer.status == 500


# -- nurseries, streams, disconnects -----------------------------------------------------------------------------------


async def test_a_method_may_ask_for_a_nursery() -> None:
    class Nursing(Controller):
        async def get(self, task_group: TaskGroup) -> str:
            task_group.start_soon(anyio.sleep, 1)
            return "with tasks"

    assert (await call(Lilya(routes=[Path("/", Nursing)]))).json == "with tasks"


async def test_a_trio_nursery_is_had_under_trio_and_refused_at_the_start_of_asyncio(backend: str) -> None:
    class Nursing(Controller):
        async def get(self, nursery: trio.Nursery) -> str:
            return type(nursery).__name__

        async def post(self, task_group: TaskGroup) -> None: ...

    app = Lilya(routes=[Path("/", Nursing)])
    if backend == "trio":
        async with running(app):
            assert (await call(app)).json == "Nursery"
    else:
        _, error = await fail_to_start(app)
        assert "asks for `nursery`" in str(error)


async def test_a_method_may_stream() -> None:
    class Streaming(Controller):
        async def get(self) -> StreamingResponse:
            async def numbers() -> AsyncIterator[str]:
                for number in range(3):
                    yield str(number)

            return StreamingResponse(numbers())

    assert (await call(Lilya(routes=[Path("/", Streaming)]))).text == "012"


@pytest.mark.parametrize(("method", "cancelled"), [("GET", True), ("HEAD", True), ("POST", False)])
async def test_a_method_is_cancelled_when_its_client_leaves_where_it_is_safe(method: str, cancelled: bool) -> None:
    log: list[str] = []

    class Slow(Controller):
        async def get(self) -> None:
            await anyio.sleep(10)
            log.append("whole")

        post = get

    wire = Wire(GONE)
    await Lilya(routes=[Path("/", Slow)])(http_scope("/", method), wire.receive, wire.send)
    assert log == ([] if cancelled else ["whole"])


async def test_what_is_to_happen_then_can_be_said_on_the_route() -> None:
    log: list[str] = []

    class Slow(Controller):
        async def get(self) -> None:
            await anyio.sleep(10)
            log.append("whole")

    wire = Wire(GONE)
    await Lilya(routes=[Path("/", Slow, on_disconnect="ignore")])(http_scope(), wire.receive, wire.send)
    assert log == ["whole"]


# -- anybody's class ---------------------------------------------------------------------------------------------------


class ASGIBase:
    """Says itself how it is called, and not which methods it answers to."""

    @classmethod
    def as_route_app(
        cls, kind: str, path_params: Any, on_disconnect: Any, where: str, offer: Any
    ) -> tuple[ASGIApp, None]:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainText(f"{kind} {sorted(path_params)} {scope['method']}")(scope, receive, send)

        return app, None


async def test_any_class_may_say_itself_how_it_is_called() -> None:
    app = Lilya(routes=[Path("/{id}", ASGIBase)])
    for method in ("GET", "BREW"):
        assert (await call(app, "/1", method)).text == f"http ['id'] {method}"
