"""The protocols say what fits; some may be inherited from."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware import DefineMiddleware
from lilya.permissions import DefinePermission
from lilya.protocols import (
    AuthenticationProtocol,
    CacheBackend,
    LoggerProtocol,
    MiddlewareProtocol,
    PermissionProtocol,
    SerializerProtocol,
)
from lilya.routing import Path
from lilya.serializers import SerializerProtocol as FromSerializers
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.routing.client import call


class Greeting(MiddlewareProtocol):
    """Calls its base, as users do."""

    def __init__(self, app: ASGIApp, word: str) -> None:
        super().__init__(app, word)
        self.word = word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "word": self.word}, receive, send)


class Passing(PermissionProtocol):
    """Lets everybody pass, and has no constructor of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def test_layers_may_inherit_from_their_protocol() -> None:
    async def handler(request: Any) -> Any:
        return request.scope["word"]

    app = Lilya(
        routes=[Path("/", handler)],
        middleware=[DefineMiddleware(Greeting, word="hello")],
        permissions=[DefinePermission(Passing, "any", also="any")],
    )
    assert (await call(app)).json == "hello"


def test_a_layer_that_cannot_be_called_is_refused() -> None:
    class Half(MiddlewareProtocol):
        """Has forgotten something."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="abstract"):
        DefineMiddleware(Half)(app)


class Cache:
    """A store without a word about its kind."""

    async def get(self, key: str) -> Any: ...
    async def set(self, key: str, value: Any, ttl: int | None = None) -> None: ...
    async def delete(self, key: str) -> None: ...


class Backend:
    """A backend without a word about its kind."""

    async def authenticate(self, connection: Any, /, **kwargs: Any) -> Any: ...


@pytest.mark.parametrize(
    ("fitting", "protocol"),
    [
        (Cache(), CacheBackend),
        (Backend(), AuthenticationProtocol),
        (logging.getLogger("x"), LoggerProtocol),
        (json, SerializerProtocol),
    ],
)
def test_what_has_the_shape_fits(fitting: Any, protocol: Any) -> None:
    assert isinstance(fitting, protocol)
    assert not isinstance(object(), protocol)


def test_the_serializer_s_is_found_at_both_places() -> None:
    assert FromSerializers is SerializerProtocol
