"""What the roof stands on: everything that `lilya.apps` needs once there is an application, and not before.

It is loaded when the first one is made, or a route is: a program that only names the class does not pay for it.
"""

from __future__ import annotations

from lilya._asgi.lifespan import Life
from lilya._asgi.limited import check_capacity
from lilya._asgi.observed import ObservedExchange, Observers
from lilya._checks import check_timeout
from lilya._connection import Connection
from lilya._handling.call import Invoke, OnDisconnect, response_of
from lilya._handling.errors import Rescuer, Rescuing, deny, last_resort
from lilya._handling.injection import Offer
from lilya._handling.problems import refusal_messages
from lilya._handling.provide import Provide, provide_all
from lilya._handling.result import DATA
from lilya._paths.tree import NOWHERE
from lilya.concurrency.capacity import Capacity
from lilya.concurrency.service import Service, check_services
from lilya.concurrency.threads import own_threads
from lilya.conf._current import current_settings, global_settings, overridden, resolve_settings
from lilya.conf.global_settings import Settings
from lilya.datastructures._state import State
from lilya.datastructures._url import URLPath
from lilya.lifecycle import around
from lilya.protocols.observer import Observer
from lilya.responses.base import Ok, PlainText, Response
from lilya.routing._base import BasePath, check_on_disconnect
from lilya.routing._dispatch import Dispatcher
from lilya.routing._hooks import Hooked, define_hooks
from lilya.routing._lifespan import Part, all_routes, parts_below, services_below
from lilya.routing._router import Router
from lilya.serializers import SerializerConfig, make_serializer, serializer
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "DATA",
    "NOWHERE",
    "BasePath",
    "Capacity",
    "Connection",
    "Dispatcher",
    "Hooked",
    "Invoke",
    "Life",
    "ObservedExchange",
    "Observer",
    "Observers",
    "Offer",
    "Ok",
    "OnDisconnect",
    "Part",
    "Provide",
    "Rescuer",
    "Rescuing",
    "Response",
    "Router",
    "SerializerConfig",
    "Service",
    "Settings",
    "State",
    "URLPath",
    "all_routes",
    "around",
    "check_capacity",
    "check_on_disconnect",
    "check_services",
    "check_timeout",
    "current_settings",
    "define_hooks",
    "global_settings",
    "last_resort",
    "make_serializer",
    "overridden",
    "parts_below",
    "provide_all",
    "refusal_messages",
    "resolve_settings",
    "response_of",
    "serializer",
    "services_below",
    "unavailable",
    "with_threads",
]


def with_threads(app: ASGIApp, threads: Capacity) -> ASGIApp:
    """`app`, whose sync functions run in threads of their own number."""

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        with own_threads(threads):
            await app(scope, receive, send)

    return inside


async def unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    """The application went down: say so."""
    response = PlainText("Service Unavailable", status_code=503)
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await deny(response, scope, receive, send)
