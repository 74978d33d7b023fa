"""The OpenAPI document: made of what is there, valid, stable, and served with its viewers.

Most handlers here are described and never called: they have a signature, and no body.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.conf.global_settings import Settings
from lilya.contrib.openapi.config import OpenAPIConfig
from lilya.contrib.openapi.decorator import OpenAPIResponse, openapi
from lilya.contrib.openapi.params import Query as DocumentedQuery
from lilya.contrib.security.api_key import APIKeyInHeader
from lilya.contrib.security.http import HTTPBasic, HTTPBearer
from lilya.contrib.security.oauth2 import OAuth2PasswordBearer
from lilya.controllers import Controller
from lilya.datastructures import UploadFile
from lilya.dependencies import Provide, Provides, Security
from lilya.exceptions import ImproperlyConfigured
from lilya.params import Cookie, Header, Query
from lilya.requests import Request
from lilya.responses import HTMLResponse, RedirectResponse, Response
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.transformers import TRANSFORMER_TYPES, IntTransformer
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.support.openapi import faults, operations

OAUTH = OAuth2PasswordBearer("/token", scopes={"read": "Read it"})
KEY = APIKeyInHeader(name="x-key", description="From the back office")


def document(app: Any, **options: Any) -> dict[str, Any]:
    made = OpenAPIConfig(**options).openapi(app)
    again = OpenAPIConfig(**options).openapi(app)
    assert json.dumps(made) == json.dumps(again), "the same application gives the same bytes"
    assert faults(made) == []
    return made


def one(*routes: Any, **options: Any) -> dict[str, Any]:
    """The one operation of these routes."""
    ((_, _, operation),) = operations(document(Lilya(routes=list(routes), **options)))
    return operation


def by_name(operation: dict[str, Any]) -> dict[str, Any]:
    return {f"{each['in']} {each['name']}": each for each in operation.get("parameters", ())}


async def nothing() -> None: ...


async def plain() -> str: ...


def plain_copy() -> Any:
    """A function that no other test decorates."""

    async def made() -> str: ...

    return made


# -- parameters -------------------------------------------------------------------------------------------------------


def test_path_parameters_have_the_types_of_their_transformers() -> None:
    async def show(a: int, b: float, c: Any, d: str, e: str, f: Any) -> None: ...

    found = by_name(one(Path("/{a:int}/{b:float}/{c:uuid}/{d}/{f:datetime}/{e:path}", show)))
    types = {name: (each["schema"].get("type"), each["schema"].get("format")) for name, each in found.items()}
    assert types == {
        "path a": ("integer", None),
        "path b": ("number", None),
        "path c": ("string", "uuid"),
        "path d": ("string", None),
        "path f": ("string", None),
        "path e": ("string", None),
    }
    assert "[0-9]{4}" in found["path f"]["schema"]["pattern"]


def test_a_transformer_of_ones_own_is_described_by_its_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    class Year(IntTransformer):
        regex = "[0-9]{4}"

    monkeypatch.setitem(TRANSFORMER_TYPES, "year", Year())

    async def show(y: int) -> None: ...

    assert by_name(one(Path("/{y:year}", show)))["path y"]["schema"] == {"type": "string", "pattern": "^(?:[0-9]{4})$"}


def test_markers_are_parameters_with_type_default_and_description() -> None:
    async def search(
        q: str = Query(required=True, description="What to look for"),
        page: int = Query(1),
        tags: list[str] | None = Query(alias="tag"),
        filter: dict[str, int] = Query({}),
        agent: str = Header("User-Agent", required=True),
        accept: str = Header("accept"),
        session: str | None = Cookie("sid"),
    ) -> None: ...

    found = by_name(one(Path("/", search)))
    assert found["query q"] == {
        "name": "q",
        "in": "query",
        "description": "What to look for",
        "required": True,
        "schema": {"type": "string"},
    }
    assert found["query page"] == {"name": "page", "in": "query", "schema": {"type": "integer", "default": 1}}
    assert found["query tag"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert found["query filter"]["content"]["application/json"]["schema"]["type"] == "object"
    assert found["header User-Agent"]["required"] is True
    assert found["cookie sid"]["schema"] == {"type": "string"}
    assert "header accept" not in found, "OpenAPI says these elsewhere"


def test_what_dependencies_ask_for_is_asked_for() -> None:
    async def tenant(name: str = Header("x-tenant", required=True)) -> str: ...

    async def user(tenant: str, token: str = Cookie("token")) -> str: ...

    async def show(user: str = Provides()) -> None: ...

    class Shown(Controller):
        dependencies: ClassVar = {"user": Provide(user)}

        async def get(self, user: str) -> None: ...

    app = Lilya(
        routes=[Path("/", show, dependencies={"user": user}), Path("/c", Shown)], dependencies={"tenant": tenant}
    )
    for _, _, operation in operations(document(app)):
        assert set(by_name(operation)) == {"header x-tenant", "cookie token"}


def test_what_lives_as_long_as_the_application_is_no_matter() -> None:
    class Pool: ...

    async def show(pool: Pool) -> None: ...

    assert "parameters" not in one(Path("/", show), dependencies={"pool": Provide(Pool, scope="app")})


# -- bodies and responses ---------------------------------------------------------------------------------------------


def test_the_body_is_what_is_inferred_from_it() -> None:
    async def one_part(numbers: list[int]) -> None: ...

    async def parts(name: str, age: int | None) -> None: ...

    async def upload(file: UploadFile) -> None: ...

    def body(handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = one(Path("/", handler, methods=["POST"]), infer_body=True)["requestBody"]
        return made

    assert body(one_part) == {
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "integer"}}}},
        "required": True,
    }
    schema = body(parts)["content"]["application/json"]["schema"]
    assert (set(schema["properties"]), schema["required"]) == ({"name", "age"}, ["name"])
    assert set(body(parts)["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }
    assert list(body(upload)["content"]) == ["multipart/form-data"]
    assert list(body(upload)["content"]["multipart/form-data"]["schema"]["properties"]) == ["file"]
    assert "422" in one(Path("/", parts, methods=["POST"]), infer_body=True)["responses"]


def test_the_return_annotation_is_the_usual_answer() -> None:
    async def rows() -> list[int]: ...

    async def html() -> HTMLResponse: ...

    async def either() -> HTMLResponse | dict[str, int]: ...

    async def away() -> RedirectResponse: ...

    async def anything() -> Any: ...

    async def response() -> Response: ...

    async def stream() -> AsyncIterator[int]:
        yield 1

    def answers(handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = one(Path("/", handler))["responses"]
        return made

    integers = {"schema": {"type": "array", "items": {"type": "integer"}}}
    assert answers(rows) == {"200": {"description": "OK", "content": {"application/json": integers}}}
    assert answers(html)["200"]["content"] == {"text/html": {}}
    assert set(answers(either)["200"]["content"]) == {"text/html", "application/json"}
    assert answers(away) == {"307": {"description": "Temporary Redirect"}}
    assert answers(anything) == answers(response) == {"200": {"description": "OK"}}

    async def noted() -> Annotated[HTMLResponse | int, "a note"]: ...

    assert set(answers(noted)["200"]["content"]) == {"text/html", "application/json"}
    assert answers(nothing)["200"]["content"] == {"application/json": {"schema": {"type": "null"}}}
    assert answers(stream)["200"]["content"] == {"application/json": integers}


def test_an_annotation_for_type_checkers_only_hides_nothing_else() -> None:
    def show(page: int = Query(1)) -> None: ...

    show.__annotations__["return"] = "Missing"
    operation = one(Path("/", show))
    assert operation["responses"]["200"] == {"description": "OK"}
    assert by_name(operation)["query page"]["schema"]["type"] == "integer"


# -- security ---------------------------------------------------------------------------------------------------------


def test_security_is_lists_of_scopes_of_schemes_found_in_dependencies() -> None:
    async def user(token: str = Security(OAUTH, scopes=["read"])) -> str: ...

    async def show(user: str = Security(user, scopes=["write"]), key: str = Security(KEY)) -> None: ...

    app = Lilya(routes=[Path("/", show), Path("/open", nothing)])
    made = document(app)
    operation = made["paths"]["/"]["get"]
    assert operation["security"] == [{"OAuth2PasswordBearer": ["read", "write"], "APIKeyInHeader": []}]
    assert "401" in operation["responses"]
    assert "security" not in made["paths"]["/open"]["get"]
    assert made["components"]["securitySchemes"]["APIKeyInHeader"] == {
        "type": "apiKey",
        "in": "header",
        "name": "x-key",
        "description": "From the back office",
    }


def test_schemes_that_let_in_without_are_ways_besides_others() -> None:
    basic, bearer = HTTPBasic(auto_error=False), HTTPBearer(auto_error=False)

    async def show(a: Any = Security(basic), b: Any = Security(bearer)) -> None: ...

    operation = one(Path("/", show))
    assert operation["security"] == [{"HTTPBasic": []}, {"HTTPBearer": []}, {}]
    assert "401" not in operation["responses"]


def test_two_schemes_of_one_name_are_two_and_the_same_one_twice_is_one() -> None:
    one_key, other, same = (APIKeyInHeader(name=name) for name in ("x-a", "x-b", "x-a"))

    async def show(a: Any = Security(one_key), b: Any = Security(other), c: Any = Security(same)) -> None: ...

    assert one(Path("/", show))["security"] == [{"APIKeyInHeader": [], "APIKeyInHeader_2": []}]


def test_permissions_tell_and_a_decorator_overrides() -> None:
    class Closed:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)

    @openapi(security=[KEY], responses={403: OpenAPIResponse(str, "No key of the back office")})
    class WithKey(Closed): ...

    @openapi(security=[])
    async def anyone() -> None: ...

    app = Lilya(
        routes=[
            Include("/in", routes=[Path("/", nothing), Path("/open", anyone)], permissions=[WithKey]),
            Path("/closed", plain, permissions=[Closed]),
        ]
    )
    paths = document(app)["paths"]
    assert paths["/in/"]["get"]["security"] == [{"APIKeyInHeader": []}]
    assert paths["/in/"]["get"]["responses"]["403"]["description"] == "No key of the back office"
    assert paths["/in/open"]["get"]["security"] == []
    assert "security" not in paths["/closed"]["get"]
    assert paths["/closed"]["get"]["responses"]["403"] == {"description": "Forbidden"}


def test_security_that_is_none_is_an_error_that_says_what_is_wanted() -> None:
    @openapi(security=["bearer"])
    async def show() -> None: ...

    with pytest.raises(ImproperlyConfigured, match="'bearer'"):
        document(Lilya(routes=[Path("/", show)]))
    with pytest.raises(ImproperlyConfigured, match="give an instance"):
        document(Lilya(), security=[APIKeyInHeader])
    made = document(Lilya(), security=[HTTPBearer, {"HTTPBearer": ["a"]}, Security(OAUTH, scopes=["read"])])
    assert made["security"] == [{"HTTPBearer": []}, {"HTTPBearer": ["a"]}, {"OAuth2PasswordBearer": ["read"]}]


# -- the decorator ----------------------------------------------------------------------------------------------------


def test_the_decorator_adds_and_overrides_and_returns_the_function_as_it_is() -> None:
    async def create(page: int = Query(1)) -> int: ...

    decorated = openapi(
        summary="Make one",
        description="Or two.",
        status_code=201,
        tags=["things"],
        deprecated=True,
        operation_id="makeThing",
        response_description="It is there",
        media_type="application/vnd.thing",
        content_encoding="base64",
        responses={404: OpenAPIResponse([int], "Not there", status_text="Gone")},
        query={"page": DocumentedQuery(default=2, description="Which", schema=int), "sort": DocumentedQuery()},
        request_body=dict[str, int],
    )(create)
    assert decorated is create
    operation = one(Path("/", decorated, methods=["POST"]))
    assert (operation["summary"], operation["description"]) == ("Make one", "Or two.")
    assert (operation["operationId"], operation["tags"], operation["deprecated"]) == ("makeThing", ["things"], True)
    usual = operation["responses"]["201"]
    assert usual["description"] == "It is there"
    assert usual["content"] == {"application/vnd.thing": {"schema": {"type": "integer", "contentEncoding": "base64"}}}
    missing = operation["responses"]["404"]
    assert (missing["summary"], missing["description"]) == ("Gone", "Not there")
    assert missing["content"]["application/json"]["schema"] == {"type": "array", "items": {"type": "integer"}}
    found = by_name(operation)
    assert found["query page"]["schema"] == {"type": "integer", "default": 2}
    assert found["query sort"]["schema"] == {"type": "string"}
    assert (
        operation["requestBody"]["content"]["application/json"]["schema"]["additionalProperties"]["type"] == "integer"
    )


def test_the_docstring_says_what_the_decorator_does_not() -> None:
    @openapi(query={"q"}, status_code=204, request_body={"content": {"text/plain": {}}})
    async def list_all() -> str:
        """List all of them.

        Even those.
        """
        raise NotImplementedError

    operation = one(Path("/", functools.partial(list_all)))
    assert (operation["summary"], operation["description"]) == ("List all of them", "Even those.")
    assert by_name(operation)["query q"]["schema"] == {"type": "string"}
    assert "content" not in operation["responses"]["204"]
    assert operation["requestBody"] == {"content": {"text/plain": {}}}


def test_a_status_nobody_knows_has_a_description_all_the_same() -> None:
    assert one(Path("/", openapi(status_code=299)(plain_copy())))["responses"]["299"]["description"]


def test_what_is_wrong_in_the_decorator_fails_where_it_stands() -> None:
    wrong: Any = {404: int}
    with pytest.raises(ImproperlyConfigured, match="404"):
        openapi(responses=wrong)
    with pytest.raises(ImproperlyConfigured, match="7"):
        openapi(responses={7: OpenAPIResponse(int)})
    with pytest.raises(ImproperlyConfigured, match="tags"):
        openapi(tags="things")


# -- paths ------------------------------------------------------------------------------------------------------------


class Things(Controller):
    async def get(self) -> int: ...

    async def post(self) -> None:
        """Make a thing."""

    async def query(self) -> None: ...


def test_every_operation_has_an_id_of_its_own() -> None:
    app = Lilya(
        routes=[
            Path("/a", nothing),
            Path("/b", nothing),
            Path("/b", nothing, methods=["POST", "PUT"]),
            Path("/things", Things),
            Include("/c", routes=[Path("/b", nothing)]),
            Path("/c_b", nothing),
        ]
    )
    ids = [operation["operationId"] for _, _, operation in operations(document(app))]
    assert ids[:2] == ["nothing", "nothing_get_b"]
    assert {"nothing_post", "nothing_put", "Things_get", "Things_post", "Things_query"} < set(ids)
    assert len(ids) == len(set(ids)) == 9


def test_methods_stand_under_their_names_and_websockets_and_heads_are_left_out() -> None:
    async def chat(websocket: WebSocket) -> None: ...

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None: ...

    app = Lilya(
        routes=[
            WebSocketPath("/ws", chat),
            Path("/things", Things),
            Path("/purge", nothing, methods=["PURGE"]),
            Path("/head", nothing, methods=["HEAD"]),
            Include("/asgi", app=asgi),
        ]
    )
    paths = document(app)["paths"]
    assert {path: sorted(item) for path, item in paths.items()} == {
        "/things": ["get", "post", "query"],
        "/purge": ["additionalOperations"],
        "/head": ["head"],
    }
    paths = document(app, openapi_version="3.1.1")["paths"]
    assert sorted(paths["/things"]) == ["get", "post", "x-query"]
    assert sorted(paths["/purge"]) == ["x-purge"]


def test_paths_that_differ_in_names_alone_are_one_and_the_first_route_is_the_one_that_answers() -> None:
    async def show(id: int) -> int: ...

    async def remove(number: int) -> None: ...

    async def late(id: int) -> str: ...

    app = Lilya(
        routes=[
            Path("/{id:int}", show),
            Path("/{number:int}", remove, methods=["DELETE"]),
            Path("/{id:int}", late),
        ]
    )
    paths = document(app)["paths"]
    assert list(paths) == ["/{id}"]
    assert paths["/{id}"]["get"]["operationId"] == "show"
    assert paths["/{id}"]["delete"]["parameters"][0]["name"] == "id"


def test_everything_below_is_there_under_its_whole_path() -> None:
    async def show(tenant: str, id: int) -> None: ...

    child = ChildLilya(routes=[Path("/{id:int}", show)], enable_openapi=True)
    app = Lilya(
        routes=[
            Include("/t/{tenant}", app=child, deprecated=True),
            Include("/r", app=Router([Path("/", nothing)])),
            Host("{name}.example.org:8000", app=ChildLilya(routes=[Path("/host", nothing)])),
        ]
    )
    paths = document(app)["paths"]
    assert list(paths) == ["/t/{tenant}/{id}", "/r/", "/host"]
    assert paths["/t/{tenant}/{id}"]["get"]["deprecated"] is True
    assert paths["/host"]["get"]["servers"] == [
        {"url": "//{name}.example.org:8000", "variables": {"name": {"default": "name"}}}
    ]


async def test_an_application_documents_itself_with_what_it_gets_from_where_it_is_mounted() -> None:
    async def user(tenant: str, token: str = Security(OAUTH)) -> str: ...

    async def show(user: str, tenant: str, name: str) -> None: ...

    child = ChildLilya(routes=[Path("/x", show, methods=["POST"], infer_body=True)], enable_openapi=True)
    app = Lilya(routes=[Include("/t/{tenant}", app=child)], dependencies={"user": user})
    async with AsyncTestClient(app) as client:
        made = (await client.get("/t/1/openapi.json")).json()
    operation = made["paths"]["/x"]["post"]
    assert faults(made) == []
    assert "parameters" not in operation
    assert operation["security"] == [{"OAuth2PasswordBearer": []}]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"type": "string"}


def test_of_an_asgi_app_with_methods_there_is_its_path_alone() -> None:
    class Answering:
        """Answers."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    operation = one(Path("/{id:int}", Answering(), methods=["GET"]))
    assert operation["responses"] == {"200": {"description": "OK"}}
    assert set(by_name(operation)) == {"path id"}


@pytest.mark.parametrize(
    "routes",
    [
        [Path("/", nothing, include_in_schema=False)],
        [Include("/", routes=[Path("/", nothing)], include_in_schema=False)],
        [Include("/", app=Router([Path("/", nothing)], include_in_schema=False))],
        [Include("/", app=ChildLilya(routes=[Path("/", nothing)], include_in_schema=False))],
        [Path("/", openapi(include_in_schema=False)(lambda: None))],
    ],
)
def test_what_is_not_to_be_shown_is_not(routes: list[Any]) -> None:
    assert document(Lilya(routes=routes))["paths"] == {}


# -- served -----------------------------------------------------------------------------------------------------------


async def test_the_document_and_its_viewers_are_served_before_all_routes() -> None:
    app = Lilya(routes=[Path("/{rest:path}", lambda rest: rest)], enable_openapi=True)
    async with AsyncTestClient(app) as client:
        answer = await client.get("/openapi.json")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json()["openapi"] == "3.2.0"
        assert list(answer.json()["paths"]) == ["/{rest}"]
        for name in ("swagger", "redoc", "elements", "rapidoc"):
            page = await client.get(f"/docs/{name}")
            assert page.status_code == 200
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "/openapi.json" in page.text
            assert "https://cdn.jsdelivr.net/" in page.text
        assert "swaggerUIRedirectOauth2" in (await client.get("/docs/oauth2-redirect")).text
        assert (await client.get("/docs")).json() == "docs"


async def test_documentation_is_off_unless_somebody_wants_it() -> None:
    async with AsyncTestClient(Lilya(routes=[Path("/", nothing)])) as client:
        assert (await client.get("/openapi.json")).status_code == 404


async def test_settings_may_turn_it_on_with_their_configuration() -> None:
    class Documented(Settings):
        enable_openapi: bool = True

        @property
        def openapi_config(self) -> Any:
            return OpenAPIConfig(title="The shop", version="7")

    async with AsyncTestClient(Lilya(settings_module=Documented)) as client:
        assert (await client.get("/openapi.json")).json()["info"] == {"title": "The shop", "version": "7"}


async def test_paths_can_be_moved_or_left_out_and_assets_be_ones_own() -> None:
    class Ours(OpenAPIConfig):
        title = 'A </title> & "more"'
        docs_url: str | None = "/swagger"
        redoc_url = None
        swagger_js_url = "/static/swagger.js"
        swagger_favicon_url = "/favicon.ico"
        swagger_ui_init_oauth = {"clientId": "</script>"}  # noqa: RUF012

    async with AsyncTestClient(Lilya(enable_openapi=True, openapi_config=Ours)) as client:
        page = (await client.get("/swagger")).text
        assert 'src="/static/swagger.js"' in page
        assert '<link rel="icon" href="/favicon.ico">' in page
        assert "<title>A &lt;/title&gt; &amp; &quot;more&quot;</title>" in page
        assert page.count("</script") == 2, "nothing that was given ends a script"
        assert (await client.get("/docs/redoc")).status_code == 404
        assert (await client.get("/docs/rapidoc")).status_code == 200
    async with AsyncTestClient(Lilya(enable_openapi=True, openapi_config=OpenAPIConfig(openapi_url=None))) as client:
        assert (await client.get("/docs/rapidoc")).status_code == 404


async def test_configuring_anew_replaces_what_was_there() -> None:
    app = Lilya(routes=[Path("/a", plain)], enable_openapi=True)
    app.configure_openapi(OpenAPIConfig(openapi_url="/schema.json", docs_url=None))
    app.configure_openapi()
    async with AsyncTestClient(app) as client:
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/docs/swagger")).status_code == 404
        assert list((await client.get("/schema.json")).json()["paths"]) == ["/a"]
    with pytest.raises(ImproperlyConfigured, match="enable"):
        app.configure_openapi(object())
    app.configure_openapi("lilya.contrib.openapi.config:OpenAPIConfig")
    assert isinstance(app.openapi_config, OpenAPIConfig)


async def test_the_document_is_written_once_and_again_when_a_route_was_added() -> None:
    written = 0

    class Counting(OpenAPIConfig):
        def openapi(self, app: Any) -> dict[str, Any]:
            nonlocal written
            written += 1
            return super().openapi(app)

    child = ChildLilya(routes=[Path("/x", plain)])
    app = Lilya(routes=[Include("/child", app=child)], enable_openapi=True, openapi_config=Counting())
    assert written == 0
    async with AsyncTestClient(app) as client:
        first = await client.get("/openapi.json")
        assert (await client.get("/openapi.json")).content == first.content
        assert written == 1
        child.add_route("/y", plain)
        assert list((await client.get("/openapi.json")).json()["paths"]) == ["/child/x", "/child/y"]
        assert written == 2


async def test_what_a_proxy_or_an_include_takes_off_is_a_server() -> None:
    child = ChildLilya(routes=[Path("/x", plain)], enable_openapi=True)
    given = OpenAPIConfig(servers=[{"url": "https://api.example.org"}])
    other = ChildLilya(enable_openapi=True, openapi_config=given)
    silent = ChildLilya(enable_openapi=True, openapi_config=OpenAPIConfig(root_path_in_servers=False))
    app = Lilya(routes=[Include("/c/{id}", app=child), Include("/o", app=other), Include("/s", app=silent)])
    async with AsyncTestClient(app, root_path="/root") as client:
        servers = (await client.get("/root/c/1/openapi.json")).json()["servers"]
        assert servers == [{"url": "/root/c/1"}]
        assert "/root/c/2/openapi.json" in (await client.get("/root/c/2/docs/redoc")).text
        servers = (await client.get("/root/o/openapi.json")).json()["servers"]
        assert servers == [{"url": "/root/o"}, {"url": "https://api.example.org"}]
        assert (await client.get("/root/s/openapi.json")).json()["servers"] == [{"url": "/"}]


def test_the_configuration_says_the_rest_of_the_document() -> None:
    made = document(
        Lilya(version="3"),
        title="T",
        description="D",
        terms_of_service="https://example.org/terms",
        contact={"name": "C"},
        tags=["a", {"name": "b", "description": "B"}],
        webhooks={"new": {"post": {"responses": {"200": {"description": "OK"}}}}},
    )
    assert made["info"] == {
        "title": "T",
        "version": "3",
        "description": "D",
        "termsOfService": "https://example.org/terms",
        "contact": {"name": "C"},
    }
    assert made["tags"] == [{"name": "a"}, {"name": "b", "description": "B"}]
    assert list(made["webhooks"]) == ["new"]


@pytest.mark.parametrize("options", [{"openapi_version": "3.0.3"}, {"docs_url": "docs"}])
def test_a_configuration_that_cannot_be_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        OpenAPIConfig(**options)


def test_a_request_pays_nothing_for_being_documented() -> None:
    @openapi(summary="S")
    async def show(request: Request) -> str:
        return "s"

    assert inspect.unwrap(show) is show
    plain_app, documented = Lilya(routes=[Path("/", show)]), Lilya(routes=[Path("/", show)], enable_openapi=True)
    assert documented.build_middleware_stack().__class__ is plain_app.build_middleware_stack().__class__
    assert documented.custom_middleware == []
