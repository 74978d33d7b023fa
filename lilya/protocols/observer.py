"""Who looks on: the few moments of an application's life that metrics and traces are made of."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias, runtime_checkable

from lilya.types import Scope

__all__ = ["Observer", "Outcome"]

# "completed": the answer went out whole, whatever its status; "disconnected": the client left before it had; "failed":
# an exception nobody handled came out, answered with 500 where there was still time; "aborted": it was cancelled before
# the answer was whole, at a deadline or by the stop of the server, or ended without an answer.
Outcome: TypeAlias = Literal["completed", "disconnected", "failed", "aborted"]


@runtime_checkable
class Observer(Protocol):
    """Told what happens: `Lilya(observers=[...])`. Inherit from it to write only the methods that are wanted.

    The methods are called in the event loop, in the task in which it happens: they must not wait. What one of them
    raises is logged, and breaks nothing. Context variables set in `exchange_started` are seen by the middleware, the
    handler and `exchange_ended` of that connection.
    """

    def exchange_started(self, scope: Scope) -> None:
        """A request or websocket has come. `scope` is the server's; keys put into it stay until the end."""
        return

    def exchange_ended(self, scope: Scope, outcome: Outcome, status: int | None, seconds: float) -> None:
        """It is over, after `seconds`, its background tasks included.

        `scope` is the one of `exchange_started`; in it is now `route_path_template`, where a route matched. `status` is
        None where no answer was begun; 101 is a websocket that was accepted, 403 one that was closed before.
        """
        return

    def task_failed(self, name: str, failure: BaseException) -> None:
        """A background task, or one of `app.start_soon`, raised `failure`."""
        return

    def service_restarted(self, name: str, restarts: int, failure: BaseException | None) -> None:
        """A service starts again, for the `restarts`-th time, after `failure`; None where it had returned."""
        return

    def draining(self) -> None:
        """The application is being stopped: told once."""
        return
