"""Pages of other sites that act in a user's name."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.middleware.csrf import CSRFMiddleware
from lilya.responses import PlainText
from tests.routing.client import talk
from tests.security.victim import ask, jar, victim

# What the page of an attacker can send without asking: forms of the three encodings, and what scripts send likewise.
FORMS = {
    "urlencoded": ("application/x-www-form-urlencoded", b"to=eve&sum=100"),
    "multipart": (
        "multipart/form-data; boundary=X",
        b'--X\r\nContent-Disposition: form-data; name="to"\r\n\r\neve\r\n--X--\r\n',
    ),
    "text": ("text/plain", b'{"to": "eve", "x": "=y"}'),
    "json": ("application/json", b'{"to": "eve"}'),
    "nothing": ("", b""),
}
# What a browser says of it; the last one is too old to say anything.
BROWSERS: list[dict[str, Any]] = [
    {"sec_fetch_site": "cross-site", "origin": "https://evil.test"},
    {"sec_fetch_site": "same-site", "origin": "https://evil.bank.test"},
    {"origin": "https://evil.test"},
    {"origin": "null"},
    {},
]


async def logged_in(app: Any) -> str:
    return jar(await ask(app, "/login"), await ask(app, "/token"))


@pytest.mark.parametrize("browser", range(len(BROWSERS)))
@pytest.mark.parametrize("form", FORMS)
async def test_a_form_of_another_site(form: str, browser: int) -> None:
    app = victim(csrf=True)
    kind, body = FORMS[form]
    cookie = await logged_in(app)
    answer = await ask(app, "/pay", "POST", cookie, body, content_type=kind, **BROWSERS[browser])
    assert (answer.status, answer.text) == (403, "CSRF token verification failed.")


async def test_the_users_own_page_is_served() -> None:
    app = victim(csrf=True)
    cookie = await logged_in(app)
    token = (await ask(app, "/token", "GET", cookie)).text
    own: dict[str, Any] = {"sec_fetch_site": "same-origin", "origin": "https://bank.test"}
    assert (await ask(app, "/pay", "POST", cookie, x_csrftoken=token, **own)).text == "paid by victim"
    kind = FORMS["urlencoded"][0]
    body = f"to=bob&csrf_token={token}".encode()
    assert (await ask(app, "/pay", "POST", cookie, body, content_type=kind, **own)).text == "paid by victim"


async def test_the_attackers_own_token_in_a_form() -> None:
    app = victim(csrf=True)
    cookie = await logged_in(app)
    theirs = (await ask(app, "/token")).text
    body = f"csrf_token={theirs}".encode()
    answer = await ask(app, "/pay", "POST", cookie, body, content_type="application/x-www-form-urlencoded")
    assert answer.status == 403


async def test_a_cookie_planted_by_a_neighbouring_host() -> None:
    """Both halves are the attacker's, and of another key: the signature tells."""
    app = victim(csrf=True)
    planted = "0" * 128
    answer = await ask(app, "/pay", "POST", f"csrftoken={planted}", x_csrftoken=planted)
    assert answer.status == 403


async def test_a_genuine_token_planted_by_a_neighbouring_host() -> None:
    """Both halves are the attacker's, and ours: the origin tells."""
    app = victim(csrf=True)
    theirs = (await ask(app, "/token")).text
    fields: dict[str, Any] = {"x_csrftoken": theirs, "origin": "https://evil.bank.test"}
    assert (await ask(app, "/pay", "POST", f"csrftoken={theirs}", **fields)).status == 403


@pytest.mark.parametrize("method", ["post", "Post", "PATCH", "MKCOL", "CONNECT", ""])
async def test_a_method_nobody_thought_of(method: str) -> None:
    answer = await ask(CSRFMiddleware(PlainText("done"), "key"), "/", method)
    assert answer.status == 403


@pytest.mark.parametrize("browser", range(len(BROWSERS) - 1))
async def test_a_websocket_opened_by_another_site(browser: int) -> None:
    app = victim(csrf=True)
    fields = {"host": "bank.test", "cookie": await logged_in(app), **BROWSERS[browser]}
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    assert (await talk(app, "/chat", headers=headers)).types == ["websocket.close"]
