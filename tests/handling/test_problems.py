"""What a client is told of an error, in the form it wants most: text, JSON, or problem details (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lilya._handling.problems import PROBLEM, accept_of, form_of, problem
from lilya.apps import Lilya
from lilya.exceptions import HTTPException, NotAuthorized, NotFound, PermissionDenied, ValidationError
from lilya.responses import PlainText
from lilya.routing import Path, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, talk

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


def accepting(accept: str | None) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"example.org"), *([(b"accept", accept.encode())] if accept is not None else [])]


def raising(exc: Exception) -> Lilya:
    async def handler() -> None:
        raise exc

    return Lilya(routes=[Path("/", handler), Path("/orders/{name}", handler)])


async def told(exc: Exception, accept: str | None = PROBLEM, path: str = "/") -> Answer:
    return await call(raising(exc), path, headers=accepting(accept))


# -- which form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        *(None, "", "*/*", "text/plain", "text/*", "text/html, */*;q=0.8", "image/png", "nonsense", ";;,,q="),
        "application/json, text/plain, */*",
        "application/problem+json;q=0.4, text/plain;q=0.5",
        "application/problem+json;q=0",
    ],
)
async def test_text_is_told_as_text_to_who_does_not_ask_for_more(accept: str | None) -> None:
    answer = await told(NotFound(), accept)
    assert (answer.status, answer.text) == (404, "The resource cannot be found.")
    assert answer.headers["content-type"] == TEXT


@pytest.mark.parametrize(
    "accept",
    [
        PROBLEM,
        "Application/Problem+JSON",
        "application/*",
        "application/problem+json, text/plain;q=0.5",
        "application/problem+json, application/json",
        "text/plain;q=0.1, */*",
    ],
)
async def test_who_wants_problem_details_most_gets_them(accept: str) -> None:
    answer = await told(NotFound(), accept, "/orders/a%20b")
    assert answer.status == 404
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "The resource cannot be found.",
        "instance": "/orders/a%2520b",  # the tests' client sends paths as they are
    }


async def test_who_takes_nothing_but_plain_json_gets_the_same_as_that() -> None:
    answer = await told(NotFound(), "application/json")
    assert answer.headers["content-type"] == JSON
    assert answer.json["title"] == "Not Found"


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain", "application/json", "text/html, */*;q=0.8"])
@pytest.mark.parametrize("detail", [{"name": ["required"]}, ["a", "b"], ("a", "b")])
async def test_a_detail_with_parts_is_told_in_json(detail: Any, accept: str | None) -> None:
    answer = await told(ValidationError(detail), accept)
    assert (answer.status, answer.headers["content-type"]) == (400, JSON)
    assert answer.json == json.loads(json.dumps(detail))


async def test_a_detail_with_parts_is_a_problem_for_who_prefers_that() -> None:
    assert (await told(ValidationError(["a"]), PROBLEM)).headers["content-type"] == PROBLEM


def test_several_lines_of_accept_are_one() -> None:
    scope = {"headers": [(b"accept", b"text/plain;q=0.5"), (b"accept", PROBLEM.encode())]}
    assert accept_of(scope) == f"text/plain;q=0.5,{PROBLEM}"
    assert form_of(NotFound(), scope) == PROBLEM
    assert accept_of({}) is None


async def test_an_exception_that_says_what_its_content_is_is_told_as_that() -> None:
    answer = await told(HTTPException(status_code=404, detail="<p>No</p>", headers={"Content-Type": "text/html"}))
    assert (answer.headers["content-type"], answer.text) == ("text/html", "<p>No</p>")


@pytest.mark.parametrize("exc", [NotFound(), ValidationError(["a"]), NotAuthorized(headers={"vary": "Cookie"})])
@pytest.mark.parametrize("accept", ["*/*", PROBLEM])
async def test_caches_are_told_that_it_depends_on_accept(exc: HTTPException, accept: str) -> None:
    vary = (await told(exc, accept)).headers["vary"]
    assert vary in ("Accept", "Cookie, Accept")
    assert ("Cookie" in vary) == isinstance(exc, NotAuthorized)


# -- what it says -----------------------------------------------------------------------------------------------------


async def test_what_else_the_exception_was_given_are_members_of_the_problem() -> None:
    exc = PermissionDenied(
        detail="You have 30, that costs 50.",
        type="https://example.org/probs/out-of-credit",
        title="You do not have enough credit.",
        balance=30,
        instance="/account/12345",
    )
    assert (await told(exc)).json == {
        "type": "https://example.org/probs/out-of-credit",
        "title": "You do not have enough credit.",
        "status": 403,
        "detail": "You have 30, that costs 50.",
        "instance": "/account/12345",
        "balance": 30,
    }


def test_a_detail_that_is_a_mapping_is_the_problem_itself() -> None:
    exc = HTTPException(status_code=409, detail={"type": "/probs/stale", "version": 3, "status": 200})
    assert problem(exc, {"path": "/x"}) == {
        "type": "/probs/stale",
        "title": "Conflict",
        "status": 409,
        "version": 3,
        "instance": "/x",
    }


def test_a_detail_that_is_a_list_is_its_errors() -> None:
    made = problem(ValidationError(["name is missing", "age is no number"]), {"path": "/"})
    assert made["errors"] == ["name is missing", "age is no number"]
    assert "detail" not in made


def test_the_instance_is_a_reference_and_no_query_is_in_it() -> None:
    made = problem(NotFound(), {"path": "/Übung/a b", "query_string": b"token=x"})
    assert made["instance"] == "/%C3%9Cbung/a%20b"
    assert problem(NotFound(), {})["instance"] == ""


def test_a_status_nobody_knows_has_a_title() -> None:
    assert problem(HTTPException(status_code=799), {})["title"] == "Unknown Status"


async def test_a_problem_that_cannot_be_written_is_a_failure_of_the_server() -> None:
    answer = await fail(raising(NotFound(extra=object())), headers=accepting(PROBLEM))
    assert answer.status == 500
    assert answer.json["title"] == "Internal Server Error"
    assert "not JSON serializable" in str(answer.error)


# -- headers ----------------------------------------------------------------------------------------------------------


async def test_the_headers_of_the_exception_are_kept_in_every_form() -> None:
    exc = NotAuthorized(headers={"WWW-Authenticate": "Bearer", "x-request": "7"})
    for accept in ("*/*", PROBLEM):
        sent = (await told(exc, accept)).headers
        assert (sent["www-authenticate"], sent["x-request"]) == ("Bearer", "7")


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x=1", "a\nb", "a\x00b", "\x7f", "€"])
@pytest.mark.parametrize("accept", ["*/*", PROBLEM])
async def test_a_header_that_may_not_be_sent_is_a_failure_of_the_server_and_never_sent(value: str, accept: str) -> None:
    answer = await fail(raising(NotFound(headers={"x-found": value})), headers=accepting(accept))
    assert answer.status == 500
    assert "x-found" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert isinstance(answer.error, ValueError)
    assert "x-found" in str(answer.error)
    assert isinstance(answer.error.__context__, NotFound)


async def test_a_header_name_that_is_none_is_a_failure_of_the_server() -> None:
    answer = await fail(raising(NotFound(headers={"x found:": "1"})))
    assert answer.status == 500
    assert "is no header name" in str(answer.error)


# -- no content, the last resort, websockets --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_content_has_no_form(status: int) -> None:
    answer = await told(HTTPException(status_code=status, headers={"etag": '"1"'}), PROBLEM)
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers == {"etag": '"1"'}


async def test_a_response_that_is_given_is_sent_as_it_is() -> None:
    answer = await told(HTTPException(response=PlainText("as it is", status_code=402)))
    assert (answer.status, answer.text, answer.headers["content-type"]) == (402, "as it is", TEXT)


async def test_a_failure_of_the_server_is_a_problem_too_and_says_nothing_of_its_reason() -> None:
    answer = await fail(raising(RuntimeError("secret")), "/orders/1", headers=accepting(PROBLEM))
    assert (answer.status, answer.headers["content-type"]) == (500, PROBLEM)
    assert answer.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Internal Server Error",
        "instance": "/orders/1",
    }


async def test_what_no_route_matches_is_a_problem_too() -> None:
    answer = await call(Lilya(), "/nowhere", headers=accepting(PROBLEM))
    assert answer.json["instance"] == "/nowhere"


async def test_a_refused_websocket_is_told_in_the_form_its_client_wants() -> None:
    async def talking(websocket: WebSocket) -> None:
        raise PermissionDenied

    app = Lilya(routes=[WebSocketPath("/", talking)])
    denial: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}
    answer = await talk(app, "/", headers=accepting(PROBLEM), **denial)
    assert answer.status == 403
    assert answer.json["title"] == "Forbidden"
