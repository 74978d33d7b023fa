"""The programs of the guide answer as it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.docs.pages import blocks, program
from tests.handling.pages import Page
from tests.routing.client import call, fail

PAGE = "docs/guide/errors-for-people.md"


def accepting(accept: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"example.org"), (b"accept", accept.encode())]


@pytest.fixture
def app() -> Any:
    return program(PAGE).app


async def test_the_problem_is_the_one_that_is_shown(app: Any) -> None:
    (shown,) = [block.code for block in blocks(PAGE) if block.language == "json"]
    answer = await call(app, "/buy/cake", headers=accepting("application/problem+json"))
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert list(answer.json.items()) == list(json.loads(shown).items())


@pytest.mark.parametrize(
    ("accept", "text", "parts"),
    [
        ("*/*", "text/plain; charset=utf-8", "application/json"),
        ("text/html,*/*;q=0.8", "text/plain; charset=utf-8", "application/json"),
        ("application/problem+json, */*;q=0.1", "application/problem+json", "application/problem+json"),
        ("application/json", "application/json", "application/json"),
    ],
)
async def test_the_table_of_forms_is_true(app: Any, accept: str, text: str, parts: str) -> None:
    told = await call(app, "/buy/cake", headers=accepting(accept))
    assert told.headers["content-type"] == text
    told = await call(app, "/sign-up", "POST", headers=accepting(accept))
    assert told.headers["content-type"] == parts
    assert ("title" in told.json) == (parts == "application/problem+json")


async def test_what_is_not_sold_is_a_page_that_shows_the_line(app: Any) -> None:
    answer = await fail(app, "/buy/cheese", headers=accepting("text/html"))
    page = Page(answer.text).root
    assert page.one("header").one("p", "where").text.startswith("in buy, docs/guide/errors-for-people.md:")
    assert "price = PRICES[thing]" in page.one("span", "failed").text


async def test_the_layers_answer_around_any_app() -> None:
    app = program(PAGE, 2).app
    answer = await call(app, "/x")
    assert (answer.status, answer.text) == (404, "There is no /x.")
    assert "RuntimeError: out of order" in (await fail(app)).text
