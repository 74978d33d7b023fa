"""The programs of the pages on sessions, forgery, authentication, permissions and limits do what the pages say."""

from __future__ import annotations

import re

from lilya.testclient import AsyncTestClient
from tests.docs.pages import program
from tests.routing.client import call


async def test_sessions_end_at_the_logout() -> None:
    async with AsyncTestClient(program("docs/guide/sessions.md").app) as client:
        assert (await client.get("/")).json() == {"visits": 1}
        assert (await client.get("/")).json() == {"visits": 2}
        await client.post("/login")
        assert (await client.get("/")).json() == {"visits": 3}
        await client.post("/logout")
        assert (await client.get("/")).json() == {"visits": 1}


async def test_a_form_carries_its_token() -> None:
    async with AsyncTestClient(program("docs/guide/csrf.md").app) as client:
        page = (await client.get("/")).text
        token = re.search(r'value="(\w+)"', page)
        assert token is not None
        sent = await client.post("/", data={"csrf_token": token[1], "message": "hello"})
        assert sent.json() == {"message": "hello"}
        assert (await client.post("/", data={"message": "hello"})).status_code == 403


async def test_only_the_admin_sees_reports() -> None:
    async with AsyncTestClient(program("docs/guide/authentication.md").app) as client:
        for token, name, status in (
            ("secret-of-ada", "ada", 200),
            ("secret-of-bob", "bob", 403),
            ("", "stranger", 403),
        ):
            headers = {"authorization": f"Bearer {token}"} if token else {}
            assert (await client.get("/", headers=headers)).json() == f"Hello {name}"
            assert (await client.get("/reports", headers=headers)).status_code == status
        assert (await client.get("/", headers={"authorization": "Bearer none"})).status_code == 401


async def test_a_key_opens_the_cave() -> None:
    app = program("docs/guide/permissions.md").app
    key = [(b"x-key", b"sesame")]
    far = ("192.0.2.1", 1)
    assert (await call(app, "/cave")).text == "Where is your key?"
    assert (await call(app, "/cave", headers=key)).status == 200
    assert (await call(app, "/admin/")).status == 200
    assert (await call(app, "/admin/", client=far)).status == 403
    assert (await call(app, "/admin/", client=far, headers=key)).status == 200


async def test_five_logins_a_minute() -> None:
    app = program("docs/guide/rate-limiting.md").app
    assert [(await call(app, "/login", "POST")).status for _ in range(6)] == [200] * 5 + [429]
    assert (await call(app)).status == 200
