from __future__ import annotations

from typing import Any, Literal

import anyio
import pytest

from lilya.apps import Lilya
from lilya.permissions.deny_all import DenyAll
from lilya.requests import Request
from lilya.responses import JSONResponse
from lilya.routing import Path
from lilya.testclient import create_async_client, create_client

Backend = Literal["asyncio", "trio"]


async def home(request: Request) -> dict[str, str]:
    return {"root_path": request.scope["root_path"], "cookie": request.cookies.get("a", "")}


def test_a_client_may_have_an_application_without_routes() -> None:
    with create_client() as client:
        assert client.get("/").status_code == 404
        assert client.routes == []
        assert isinstance(client.app, Lilya)


def test_its_keywords_reach_application_and_client(backend: Backend) -> None:
    done: list[str] = []

    def teapot(request: Request, exc: Exception) -> JSONResponse:
        return JSONResponse({"teapot": True}, status_code=418)

    async def fails() -> None:
        raise ValueError

    client = create_client(
        [Path("/", home), Path("/fails", fails)],
        backend=backend,
        base_url="https://example.org",
        root_path="/api",
        cookies={"a": "1"},
        headers={"x-a": "b"},
        exception_handlers={ValueError: teapot},
        on_startup=[lambda: done.append("up")],
        on_shutdown=[lambda: done.append("down")],
        drain_timeout=1,
    )
    with client:
        response = client.get("/")
        assert response.json() == {"root_path": "/api", "cookie": "1"}
        assert response.request.url == "https://example.org/"
        assert client.get("/fails").status_code == 418
    assert done == ["up", "down"]
    assert client.app.drain_timeout == 1  # type: ignore[attr-defined]


def test_its_time_may_be_virtual() -> None:
    async def sleepy() -> str:
        await anyio.sleep(3600)
        return "awake"

    with create_client([Path("/", sleepy)], backend="trio", clock="autojump") as client:
        assert client.get("/").json() == "awake"


async def test_an_async_client_is_made_the_same_way() -> None:
    async with create_async_client([Path("/", home)], root_path="/api", cookies={"a": "1"}) as client:
        assert (await client.get("/")).json() == {"root_path": "/api", "cookie": "1"}
    async with create_async_client([Path("/", home)], permissions=[DenyAll]) as client:
        assert (await client.get("/")).status_code == 401


async def test_an_async_client_may_be_bound_to_a_backend(backend: Backend) -> None:
    async with create_async_client(backend=backend) as client:
        assert (await client.get("/")).status_code == 404
    other: Backend = "trio" if backend == "asyncio" else "asyncio"
    with pytest.raises(RuntimeError, match=f"wants to run on {other!r}"):
        await create_async_client(backend=other).__aenter__()


def test_what_the_application_does_not_take_is_an_error() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        create_client(nonsense=1)


def test_overrides_of_dependencies_are_set_on_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    overridden: dict[Any, Any] = {}
    monkeypatch.setattr(Lilya, "override_dependency", lambda self, *pair: overridden.update([pair]), raising=False)
    create_client(dependency_overrides={"db": dict})
    assert overridden == {"db": dict}
