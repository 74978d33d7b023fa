"""Parameters read from the query string, headers and cookies: where they are found, how they are cast, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from lilya.apps import Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.params import Cookie, Header, Query
from lilya.routing import Path, WebSocketPath
from lilya.testclient import AsyncTestClient, WebSocketDenialResponse
from lilya.websockets import WebSocket


class Colour(Enum):
    RED = "red"


def app_of(marker: Any, annotation: Any = None) -> Lilya:
    async def handler(value: Any = marker) -> Any:
        return sorted(value) if isinstance(value, set) else value

    handler.__annotations__["value"] = Any if annotation is None else annotation
    return Lilya(routes=[Path("/", handler)])


async def status_and_text(app: Lilya, url: str, **options: Any) -> tuple[int, str]:
    async with AsyncTestClient(app) as client:
        response = await client.get(url, **options)
        return response.status_code, response.text


CASTS = [
    (int, "7", "7"),
    (float, "1.5", "1.5"),
    (str, "7", '"7"'),
    (bytes, "abc", '"YWJj"'),
    (bool, "Yes", "true"),
    (bool, "T", "true"),
    (bool, "0", "false"),
    (bool, "off", "false"),
    (UUID, "8c2f5dbb-2d6f-4e5d-9b0a-5f8d6a3d4c21", '"8c2f5dbb-2d6f-4e5d-9b0a-5f8d6a3d4c21"'),
    (date, "2024-02-29", '"2024-02-29"'),
    (Decimal, "1.10", '"1.10"'),
    (Colour, "red", '"red"'),
    (Literal["a", 1], "1", "1"),
    (list[int], "7", "[7]"),
    (set[int], "7", "[7]"),
    (tuple[int, ...], "7", "[7]"),
    (Sequence[bool], "no", "[false]"),
    (int | str, "x", '"x"'),
    (str | int, "7", "7"),
    (int | None, "7", "7"),
    (dict, '{"a":1}', '{"a":1}'),
    (dict[str, date], '{"a":"2024-02-29"}', '{"a":"2024-02-29"}'),
    (Annotated[int, "a number"], "7", "7"),
    (lambda text: text.upper(), "up", '"UP"'),
]


@pytest.mark.parametrize(("wanted", "text", "expected"), CASTS)
async def test_text_is_cast_by_the_annotation_or_by_cast(wanted: Any, text: str, expected: str) -> None:
    as_cast = await status_and_text(app_of(Query(cast=wanted)), "/", params={"value": text})
    assert as_cast == (200, expected)
    if not callable(wanted) or isinstance(wanted, type):
        assert await status_and_text(app_of(Query(), wanted), "/", params={"value": text}) == as_cast


BAD = [
    (int, "x", "int"),
    (int, "9" * 5000, "int"),
    (float, "nan", "float"),
    (float, "inf", "float"),
    (bool, "maybe", "bool"),
    (UUID, "x", "UUID"),
    (date, "2024-02-30", "date"),
    (Decimal, "x", "Decimal"),
    (Colour, "blue", "Colour"),
    (list[int], "x", "list[int]"),
    (tuple[int, int], "1", "tuple[int, int]"),
    (int | float, "x", "int | float"),
    (dict, "[1]", "dict"),
    (dict, "{", "dict"),
    (Literal["a"], "b", "Literal['a']"),
]


@pytest.mark.parametrize(("wanted", "text", "name"), BAD)
async def test_what_cannot_be_cast_is_a_422_that_says_what_was_expected(wanted: Any, text: str, name: str) -> None:
    found = await status_and_text(app_of(Query(cast=wanted)), "/", params={"value": text})
    assert found == (422, f"Invalid value for query parameter 'value': expected {name}")


async def test_several_values_are_a_list_for_who_wants_one_and_an_error_for_who_does_not() -> None:
    url = "/?value=1&value=2"
    assert await status_and_text(app_of(Query()), url) == (200, '["1","2"]')
    assert await status_and_text(app_of(Query(), list[int]), url) == (200, "[1,2]")
    assert await status_and_text(app_of(Query(), tuple[int, str]), url) == (200, '[1,"2"]')
    assert (await status_and_text(app_of(Query(), int), url))[0] == 422
    assert (await status_and_text(app_of(Query(), str), url))[0] == 422


async def test_the_word_in_a_complaint_is_the_kinds_own() -> None:
    for marker, kind, key in (
        (Query(required=True), "query", "value"),
        (Query(alias="v", required=True), "query", "v"),
        (Header("x-token", required=True), "header", "x-token"),
        (Cookie("session", required=True), "cookie", "session"),
    ):
        assert await status_and_text(app_of(marker), "/") == (422, f"Missing mandatory {kind} parameter '{key}'")
    for bad, kind, options in (
        (Header("x-token", cast=int), "header", {"headers": {"x-token": "x"}}),
        (Cookie("x-token", cast=int), "cookie", {"headers": {"cookie": "x-token=x"}}),
    ):
        found = await status_and_text(app_of(bad), "/", **options)
        assert found == (422, f"Invalid value for {kind} parameter 'x-token': expected int")


async def test_a_refusal_is_problem_details_for_who_wants_them() -> None:
    async with AsyncTestClient(app_of(Query(required=True))) as client:
        response = await client.get("/", headers={"accept": "application/problem+json"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "Missing mandatory query parameter 'value'"


async def test_headers_and_cookies_are_found_by_their_names() -> None:
    lines = [("x-list", "a"), ("x-list", "b"), ("cookie", "session=s; other=o")]
    for marker, annotation, expected in (
        (Header("X-List"), str, '"a, b"'),
        (Header("x-list"), list[str], '["a","b"]'),
        (Header("x-list"), None, '["a","b"]'),
        (Header("user-agent", default="shy"), str, '"testclient"'),
        (Header("x-none", default="shy"), str, '"shy"'),
        (Cookie("session"), str, '"s"'),
        (Cookie("none", default="5"), int, "5"),
        (Cookie("none"), None, "null"),
    ):
        assert await status_and_text(app_of(marker, annotation), "/", headers=lines) == (200, expected)


async def test_defaults_are_cast_and_never_shared() -> None:
    assert await status_and_text(app_of(Query("5"), int), "/") == (200, "5")
    assert await status_and_text(app_of(Query(), int), "/") == (200, "null")

    async def grows(value: list[int] = Query(default=[1])) -> list[int]:
        value.append(2)
        return value

    async with AsyncTestClient(Lilya(routes=[Path("/", grows)])) as client:
        assert [(await client.get("/")).json() for _ in range(2)] == [[1, 2], [1, 2]]


async def handler_annotated(
    a: Annotated[int, Query()],
    b: Annotated[int | None, Query(alias="bb")],
    c: Annotated[int, Query()] = 3,
    d: Annotated[str, Header("x-d")] = "d",
) -> list[Any]:
    return [a, b, c, d]


async def test_within_annotated_what_has_no_default_is_required() -> None:
    app = Lilya(routes=[Path("/", handler_annotated)])
    assert await status_and_text(app, "/?a=1") == (200, '[1,null,3,"d"]')
    assert await status_and_text(app, "/?a=1&bb=2&c=4", headers={"x-d": "x"}) == (200, '[1,2,4,"x"]')
    assert await status_and_text(app, "/") == (422, "Missing mandatory query parameter 'a'")


async def test_a_marker_goes_before_the_name() -> None:
    async def handler(id: int, request: str = Query("q")) -> list[Any]:
        return [id, request]

    app = Lilya(routes=[Path("/{id:int}", handler)])
    assert await status_and_text(app, "/3?request=x&id=4") == (200, '[3,"x"]')


@pytest.mark.parametrize("marker", [Query(cast=5), Query("x", cast=int), Header("x", default="x", cast=bool)])
def test_an_impossible_cast_is_an_error_when_the_application_is_built(marker: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="Path"):
        app_of(marker)


async def test_a_websocket_that_lacks_a_parameter_is_refused() -> None:
    async def chat(websocket: WebSocket, token: str = Query(required=True)) -> None:
        await websocket.accept()

    async with AsyncTestClient(Lilya(routes=[WebSocketPath("/", chat)])) as client:
        with pytest.raises(WebSocketDenialResponse) as caught:
            async with client.websocket_connect("/"):
                pass
    assert caught.value.status_code == 422
