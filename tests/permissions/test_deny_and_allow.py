"""The two plainest permissions."""

from __future__ import annotations

import pytest

from lilya.apps import Lilya
from lilya.exceptions import NotAuthorized
from lilya.permissions.allow_all import AllowAll
from lilya.permissions.deny_all import DenyAll
from lilya.responses.base import PlainText
from lilya.routing import Path
from lilya.testclient import AsyncTestClient
from tests.support.wire import Wire, http_scope, websocket_scope


def home() -> PlainText:
    return PlainText("home")


async def test_deny_all_answers_401_and_allow_all_serves() -> None:
    routes = [Path("/no", home, permissions=[DenyAll]), Path("/yes", home, permissions=[AllowAll])]
    async with AsyncTestClient(Lilya(routes=routes)) as client:
        refused = await client.get("/no")
        assert refused.status_code == 401
        assert "Not Authorized." in refused.text
        assert (await client.get("/yes")).text == "home"


async def test_a_lifespan_is_not_refused() -> None:
    wire = Wire()
    app = PlainText("")
    for scope in (http_scope(), websocket_scope()):
        with pytest.raises(NotAuthorized):
            await DenyAll(app)(scope, wire.receive, wire.send)
    seen: list[str] = []

    async def lifespan(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(str(scope["type"]))

    await DenyAll(lifespan)({"type": "lifespan"}, wire.receive, wire.send)
    assert seen == ["lifespan"]
