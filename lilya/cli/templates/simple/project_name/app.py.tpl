"""The application; `python app.py` serves it."""

from __future__ import annotations

from lilya.apps import Lilya
from lilya.contrib.health import Ready
from lilya.requests import Request
from lilya.routing import Include, Path
from lilya.servers import run


async def welcome() -> dict[str, str]:
    return {"message": "Welcome to Lilya"}


async def welcome_user(user: str) -> dict[str, str]:
    return {"message": f"Welcome to Lilya, {user}"}


async def welcome_in_request(request: Request) -> dict[str, str]:
    return {"message": f"Welcome to Lilya, {request.path_params['user']}"}


app = Lilya(
    routes=[
        Include("/health", app=Ready()),  # for a load balancer: 503 as soon as we are being stopped
        Path("/", welcome),
        Path("/{user}", welcome_user),
        Path("/in-request/{user}", welcome_in_request),
    ]
)

if __name__ == "__main__":
    run(app, "localhost:8000")
