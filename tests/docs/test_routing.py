"""The guide to routing: its program, and each row of its tables."""

from __future__ import annotations

from uuid import UUID

import pytest

from lilya.apps import Lilya
from lilya.exceptions import ContinueRouting
from lilya.routing import Host, Include, NoMatchFound, Path, Router
from lilya.testclient import AsyncTestClient, WebSocketDenialResponse
from tests.docs.pages import program, rows

PAGE = "docs/guide/routing.md"


async def hello(name: str = "nobody") -> str:
    return name


async def test_the_program_answers_on_every_path() -> None:
    identity = UUID(int=7)
    async with AsyncTestClient(program(PAGE).app, follow_redirects=False) as client:
        assert (await client.get("/")).json() == {"first order": "http://testserver/shop/orders/1"}
        assert (await client.get("/shop/orders/5")).json() == {"order": 5}
        assert (await client.delete("/shop/orders/5")).json() == {"cancelled": 5}
        assert (await client.get(f"/shop/invoices/{str(identity).upper()}")).json() == {"invoice": str(identity)}
        assert (await client.get("/shop/invoices/7")).status_code == 404
        assert (await client.get("/wiki/a/b")).json() == {"article": "a/b"}
        assert (await client.get("/admin/health")).json() == "fine"
        assert (await client.get("/pages/a/b")).json() == {"page": "a/b"}
        assert (await client.get("/shop/orders/latest")).headers["location"] == "http://testserver/shop/orders/99"


async def test_a_transformer_of_your_own() -> None:
    async with AsyncTestClient(program(PAGE, 2).app) as client:
        assert (await client.get("/colour/ff8000")).json() == {"red": 255, "green": 128, "blue": 0}
        assert (await client.get("/colour/FF8000")).status_code == 404


async def test_each_transformer_matches_what_the_table_says() -> None:
    keys = [
        row[0].removeprefix("`{name:").removesuffix("}`").removeprefix("`{name}`, `{name:")
        for row in rows(PAGE, "Paths")
    ]
    good = {
        "str": ["a", "a%20b", "%C3%A9"],
        "int": ["0", "12"],
        "float": ["1", "1.5"],
        "uuid": [str(UUID(int=1))],
        "datetime": ["2026-01-31T12:00:00", "2026-01-31T12:00:00.5"],
        "path": ["", "a/b"],
    }
    bad = {
        "str": ["", "a/b"],
        "int": ["-1", "x"],
        "float": ["1.", "x"],
        "uuid": ["1"],
        "datetime": ["2026-02-31T12:00:00"],
    }
    assert keys == list(good)
    app = Lilya(routes=[Path(f"/{key}/{{name:{key}}}", hello) for key in keys])
    async with AsyncTestClient(app, follow_redirects=False) as client:
        for key in keys:
            assert [(await client.get(f"/{key}/{text}")).status_code for text in good[key]] == [200] * len(good[key])
            assert 200 not in [(await client.get(f"/{key}/{text}")).status_code for text in bad.get(key, [])]


async def test_a_segment_may_hold_literal_text_and_parameters() -> None:
    async def report(year: int) -> int:
        return year

    async with AsyncTestClient(Lilya(routes=[Path("/report-{year:int}.csv", report)])) as client:
        assert (await client.get("/report-2026.csv")).json() == 2026


async def test_which_route_answers() -> None:
    async def decline() -> None:
        raise ContinueRouting

    async def second() -> str:
        return "second"

    app = Lilya(
        routes=[
            Path("/same", hello),
            Path("/same", second),
            Path("/post", hello, methods=["POST"]),
            Path("/post", hello, methods=["PUT"]),
            Path("/maybe", decline),
            Path("/maybe", second),
        ]
    )
    async with AsyncTestClient(app, follow_redirects=False) as client:
        assert (await client.get("/same")).json() == "nobody"
        refused = await client.get("/post")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST, PUT")
        moved = await client.get("/same/")
        assert (moved.status_code, moved.headers["location"]) == (307, "http://testserver/same")
        assert (await client.get("/other")).status_code == 404
        assert (await client.get("/maybe")).json() == "second"
        assert (await client.head("/same")).status_code == 200
        assert (await client.options("/same")).status_code == 405
        with pytest.raises(WebSocketDenialResponse) as denied:
            async with client.websocket_connect("/other"):
                raise AssertionError("never accepted")
        assert denied.value.status_code == 404
    app = Lilya(routes=[Path("/same", hello)], redirect_slashes=False)
    async with AsyncTestClient(app) as client:
        assert (await client.get("/same/")).status_code == 404


async def test_composing() -> None:
    async def any_app(scope: object, receive: object, send: object) -> None:
        await program("docs/guide/responses.md", 3).app(scope, receive, send)

    app = Lilya(
        routes=[
            Host("{tenant}.example.org", app=Router([Path("/", tenant)])),
            Include("/of/{owner}", routes=[Path("/{name}", owned)]),
            Include("/any", app=any_app),
        ]
    )
    async with AsyncTestClient(app) as client:
        assert (await client.get("/of/ada/cat")).json() == "ada's cat"
        assert (await client.get("/any/where")).text == "You asked for /any/where."
        assert (await client.get("/", headers={"host": "north.example.org"})).json() == "north"
        assert (await client.get("/")).status_code == 404


async def tenant(tenant: str) -> str:
    return tenant


async def owned(owner: str, name: str) -> str:
    return f"{owner}'s {name}"


def test_reversing_wants_all_parameters_and_encodes_them() -> None:
    app = Lilya(routes=[Include("/shop", routes=[Path("/things/{name}", hello)], name="shop")])
    assert app.path_for("shop:hello", name="a b/c".replace("/", "")) == "/shop/things/a%20bc"
    with pytest.raises(NoMatchFound):
        app.path_for("shop:hello")
    with pytest.raises(NoMatchFound):
        app.path_for("shop:hello", name="x", more=1)


async def test_the_decorators_return_the_function_as_it_is() -> None:
    app = Lilya()
    assert app.get("/a")(hello) is hello
    async with AsyncTestClient(app) as client:
        assert (await client.get("/a")).json() == "nobody"
