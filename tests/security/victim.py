"""The application that is attacked: it has a session, changes things, and talks over a websocket."""

from __future__ import annotations

from typing import Any

from lilya.apps import Lilya
from lilya.middleware import DefineMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.sessions import MemorySessionStore, SessionMiddleware
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText
from lilya.routing import Path, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call

KEY = "a key that is long enough to be none of a dictionary"


async def token(request: Request) -> PlainText:
    return PlainText(request.scope.get("csrf_token", ""))


async def show(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.session))


async def login(request: Request) -> PlainText:
    request.session["user"] = "victim"
    request.session.regenerate()
    return PlainText("logged in")


async def logout(request: Request) -> PlainText:
    request.session.invalidate()
    return PlainText("logged out")


async def fill(request: Request, size: int) -> PlainText:
    request.session["large"] = "x" * size
    return PlainText("filled")


async def pay(request: Request) -> PlainText:
    return PlainText(f"paid by {request.session.get('user')}")


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()


def victim(*, store: bool = True, csrf: bool = False) -> Lilya:
    """The application, with sessions in a store or in the cookie."""
    options: dict[str, Any] = {"store": MemorySessionStore()} if store else {}
    layers = [DefineMiddleware(SessionMiddleware, KEY, **options)]
    if csrf:
        layers.append(DefineMiddleware(CSRFMiddleware, KEY))
    routes: list[Any] = [
        Path("/", show),
        Path("/token", token),
        Path("/login", login),
        Path("/logout", logout),
        Path("/fill/{size:int}", fill),
        Path("/pay", pay, methods=["POST"]),
        WebSocketPath("/chat", chat),
    ]
    return Lilya(routes=routes, middleware=layers)


def jar(*answers: Answer) -> str:
    """The cookies a browser has after these answers."""
    cookies: dict[str, str] = {}
    for answer in answers:
        for name, value in answer.sent[0]["headers"]:
            if name == b"set-cookie":
                key, _, text = value.decode().partition(";")[0].partition("=")
                cookies[key] = text
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if value != "null")


async def ask(
    app: Any, path: str, method: str = "GET", /, cookie: str = "", body: bytes = b"", **fields: Any
) -> Answer:
    """A request as a browser makes it, with its cookies."""
    given = {"host": "bank.test", "cookie": cookie, **{name.replace("_", "-"): value for name, value in fields.items()}}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value]
    return await call(app, path, method, body=body, headers=headers)
