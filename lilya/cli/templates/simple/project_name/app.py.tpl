"""The application; `python app.py` serves it."""

from __future__ import annotations

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path
from lilya.servers import run


async def health(request: Request) -> PlainText:
    """For a load balancer: no, as soon as we are being stopped."""
    return PlainText("stopping" if request.draining else "ready", status_code=503 if request.draining else 200)


async def welcome() -> dict[str, str]:
    return {"message": "Welcome to Lilya"}


async def welcome_user(user: str) -> dict[str, str]:
    return {"message": f"Welcome to Lilya, {user}"}


async def welcome_in_request(request: Request) -> dict[str, str]:
    return {"message": f"Welcome to Lilya, {request.path_params['user']}"}


app = Lilya(
    routes=[
        Path("/health", health),
        Path("/", welcome),
        Path("/{user}", welcome_user),
        Path("/in-request/{user}", welcome_in_request),
    ]
)

if __name__ == "__main__":
    run(app, "localhost:8000")
