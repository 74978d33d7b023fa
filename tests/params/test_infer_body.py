"""Parameters made of the body: JSON and forms, whole or by key, and what is said of one that does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.datastructures import DataUpload
from lilya.exceptions import ImproperlyConfigured
from lilya.routing import Include, Path
from lilya.testclient import AsyncTestClient


@dataclass
class Item:
    sku: str
    count: int = 1


@dataclass
class User:
    name: str
    age: int
    born: date | None = None
    items: list[Item] = field(default_factory=list)


async def user(user: User) -> Any:
    return user


async def both(host: User, page: int, id: int = 0) -> Any:
    return [host, page, id]


async def rows(items: list[Item]) -> Any:
    return items


async def mapping(data: dict[str, int]) -> Any:
    return data


async def anything(data):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return data


async def optional(user: User | None) -> Any:
    return user


async def scalars(a: int, b: float, c: bool, d: str, tags: list[str]) -> Any:
    return [a, b, c, d, tags]


async def upload(file: DataUpload, note: str) -> Any:
    return [(await file.read()).decode(), note]


HANDLERS: list[Any] = [user, both, rows, mapping, anything, optional, scalars, upload]
APP_ROUTES = [Path(f"/{each.__name__}", each, methods=["POST"]) for each in HANDLERS]
ADA = {"name": "Ada", "age": 36}
FULL_ADA = {"name": "Ada", "age": 36, "born": None, "items": []}


async def post(path: str, **options: Any) -> tuple[int, Any]:
    async with AsyncTestClient(Lilya(routes=APP_ROUTES, infer_body=True)) as client:
        response = await client.post(path, **options)
    return response.status_code, response.json() if response.status_code == 200 else response.text


async def test_one_parameter_gets_the_whole_body_or_its_key() -> None:
    assert await post("/user", json=ADA) == (200, FULL_ADA)
    assert await post("/user", json={"user": ADA}) == (200, FULL_ADA)
    assert await post("/rows", json=[{"sku": "a"}]) == (200, [{"sku": "a", "count": 1}])
    assert await post("/rows", json={"items": [{"sku": "a"}]}) == (200, [{"sku": "a", "count": 1}])
    assert await post("/mapping", json={"data": 1}) == (200, {"data": 1})
    assert await post("/anything", json={"data": 1}) == (200, {"data": 1})
    assert await post("/optional", json=ADA) == (200, FULL_ADA)
    assert await post("/optional") == (200, None)


async def test_several_parameters_get_a_key_each_also_one_named_like_a_header() -> None:
    assert await post("/both?page=9", json={"host": ADA, "page": 2, "id": 7}) == (200, [FULL_ADA, 2, 0])


async def test_a_form_says_its_structure_by_its_keys() -> None:
    fields = {"name": "Ada", "age": "36", "born": "1815-12-10", "items[0].sku": "a", "items[1].sku": "b"}
    expected = {**FULL_ADA, "born": "1815-12-10", "items": [{"sku": "a", "count": 1}, {"sku": "b", "count": 1}]}
    assert await post("/user", data=fields) == (200, expected)
    assert await post("/user", data={f"user.{key}": value for key, value in fields.items()}) == (200, expected)
    assert await post("/both", data={"host.name": "Ada", "host.age": "36", "page": "2"}) == (200, [FULL_ADA, 2, 0])


async def test_a_field_of_a_form_may_hold_json_or_be_a_list_of_one() -> None:
    assert await post("/both", data={"host": '{"name": "Ada", "age": 36}', "page": "2"}) == (200, [FULL_ADA, 2, 0])
    form = {"a": "1", "b": "1.5", "c": "yes", "d": "[x", "tags": "t"}
    assert await post("/scalars", data=form) == (200, [1, 1.5, True, "[x", ["t"]])
    assert await post("/scalars", data={**form, "tags": ["t", "u"]}) == (200, [1, 1.5, True, "[x", ["t", "u"]])
    assert await post("/scalars", data={**form, "tags": '["t", "u"]'}) == (200, [1, 1.5, True, "[x", ["t", "u"]])


async def test_an_upload_is_a_parameter_like_others() -> None:
    assert await post("/upload", files={"file": ("a.txt", b"abc")}, data={"note": "n"}) == (200, ["abc", "n"])
    status, text = await post("/upload", data={"file": "text", "note": "n"})
    assert (status, text) == (422, "Invalid value for body parameter 'file': Wanted DataUpload, got text.")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/user", None, "Missing body: 'user'"),
        ("/user", {"name": "Ada"}, "'age'"),
        ("/user", {"name": "Ada", "age": "36"}, "Wanted int, got text., in"),
        ("/user", {"name": "Ada", "age": 1, "items": [{"sku": 5}]}, "in [0]"),
        ("/user", [1], "'user'"),
        ("/user", "text", "'user'"),
        ("/both", {"page": 1}, "Missing key in the body: 'host'"),
        ("/both", {"host": ADA, "page": None}, "'page'"),
        ("/both", [1], "must be an object with the keys host, page"),
        ("/rows", {"a": 1}, "'items'"),
        ("/mapping", {"a": "x"}, "Wanted int, got text"),
        ("/scalars", {"a": 1, "b": 1, "c": "yes", "d": "", "tags": []}, "'c': Wanted bool, got text"),
    ],
)
async def test_what_does_not_fit_is_a_422_that_says_which(path: str, body: Any, said: str) -> None:
    status, text = await post(path, **({} if body is None else {"json": body}))
    assert status == 422
    assert said in text


@pytest.mark.parametrize(
    "fields",
    [
        {"a": "1", "a.b": "2"},
        {"a.b": "2", "a": "1"},
        {"a[0]": "1", "a[2]": "1"},
        {"a[999999]": "1"},
        {"a" + ".b" * 40: "1"},
        {"name": "Ada", "age": "old"},
        {"name": "Ada", "age": "1", "items[0].sku.x": "1"},
    ],
)
async def test_a_form_that_contradicts_itself_is_a_422(fields: dict[str, str]) -> None:
    assert (await post("/user", data=fields))[0] == 422


async def test_malformed_json_is_a_400() -> None:
    assert (await post("/user", content=b"{"))[0] == 400
    assert (await post("/both", data={"host": "{", "page": "1"}))[0] == 400


async def test_a_refusal_is_problem_details_for_who_wants_them() -> None:
    async with AsyncTestClient(Lilya(routes=APP_ROUTES, infer_body=True)) as client:
        response = await client.post("/user", json={}, headers={"accept": "application/problem+json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_it_is_switched_on_for_an_application_or_a_route_and_for_no_other() -> None:
    with pytest.raises(ImproperlyConfigured, match="'user'"):
        Lilya(routes=[Path("/", user, methods=["POST"])])
    with pytest.raises(ImproperlyConfigured, match="'user'"):
        Lilya(routes=[Path("/", user, methods=["POST"], infer_body=False)], infer_body=True)
    child = ChildLilya(routes=[Path("/", user, methods=["POST"])], infer_body=False)
    with pytest.raises(ImproperlyConfigured, match="'user'"):
        Lilya(routes=[Include("/", app=child)], infer_body=True)
    inherits = ChildLilya(routes=[Path("/", user, methods=["POST"])])
    own = Path("/own", user, methods=["POST"], infer_body=True)
    for app in (Lilya(routes=[own]), Lilya(routes=[Include("/own", app=inherits)], infer_body=True)):
        async with AsyncTestClient(app) as client:
            assert (await client.post("/own", json=ADA, follow_redirects=True)).json() == FULL_ADA


@dataclass
class Stock:
    count: int
    price: float


async def stock(stock: Stock) -> Any:
    return stock


async def number(n: int | None, x: float) -> Any:
    return [n, x]


@pytest.mark.parametrize("wrong", [{"count": True, "price": 1.5}, {"count": 1, "price": False}])
async def test_true_and_false_are_no_numbers_of_a_body(wrong: dict[str, Any]) -> None:
    app = Lilya(routes=[Path("/", stock, methods=["POST"])], infer_body=True)
    async with AsyncTestClient(app) as client:
        answer = await client.post("/", json=wrong)
        assert (answer.status_code, "got bool" in answer.text) == (422, True)
        assert (await client.post("/", json={"count": 1, "price": 2})).json() == {"count": 1, "price": 2.0}


async def test_true_and_false_are_no_members_of_a_union_of_numbers() -> None:
    app = Lilya(routes=[Path("/", number, methods=["POST"])], infer_body=True)
    async with AsyncTestClient(app) as client:
        assert (await client.post("/", json={"n": True, "x": 1})).status_code == 422
        assert (await client.post("/", json={"n": None, "x": 1})).json() == [None, 1.0]
