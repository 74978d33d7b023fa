"""The guides to dependencies, parameters and caching: their programs do what they say."""

from __future__ import annotations

import pytest

from lilya.testclient import AsyncTestClient
from tests.docs.pages import program


async def test_the_first_program_opens_commits_and_rolls_back() -> None:
    module = program("docs/guide/dependencies.md")
    pool = module.Pool()
    module.app.override_dependency("pool", pool)
    async with AsyncTestClient(module.app) as client:
        assert (await client.get("/users/1")).json() == {"id": 1, "name": "Ada"}
        assert (await client.get("/users/9")).status_code == 404
    assert pool.log == ["begin", "commit", "begin", "roll back"]
    module.app.reset_dependency_overrides()
    async with AsyncTestClient(module.app) as client:
        assert (await client.get("/users/2")).json()["name"] == "Grace"


async def test_a_dependency_may_be_a_deadline() -> None:
    async with AsyncTestClient(program("docs/guide/dependencies.md", 3).app) as client:
        assert (await client.get("/")).status_code == 504


async def test_parameters_and_bodies() -> None:
    async with AsyncTestClient(program("docs/guide/parameters.md").app) as client:
        found = (await client.get("/search?q=x&page=2&tag=a&tag=b")).json()
        assert found == {"q": "x", "page": 2, "tags": ["a", "b"], "agent": "testclient", "theme": "light"}
        refused = await client.get("/search")
        assert (refused.status_code, refused.text) == (422, "Missing mandatory query parameter 'q'")
        assert (await client.post("/orders", json=[{"sku": "a"}, {"sku": "b", "count": 2}])).json() == 3
        assert (await client.post("/orders", data={"items[0].sku": "a", "items[0].count": "4"})).json() == 4


async def test_caching_events_and_hooks(capsys: pytest.CaptureFixture[str]) -> None:
    module = program("docs/guide/caching.md")
    async with AsyncTestClient(module.app) as client:
        assert (await client.get("/order/ada")).json() == {"price": 11.0}
    async with AsyncTestClient(program("docs/guide/caching.md", 2).app):
        pass
    assert capsys.readouterr().out == "thank you, ada\nan application starts\nan application has stopped\n"
