"""Responses that are rendered from a template."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

from lilya._current import in_event_loop
from lilya.concurrency.threads import is_async_callable, run_in_threadpool
from lilya.exceptions import ImproperlyConfigured
from lilya.responses.base import Background, HeadersInput, HTMLResponse
from lilya.types import Receive, Scope, Send

__all__ = ["TemplateResponse"]

DEBUG = "http.response.debug"


class TemplateResponse(HTMLResponse):
    """A template with what it is rendered with.

    Rendering may block, and so never happens on an event loop. In a thread, as that of a sync handler, the template is
    rendered here and now; elsewhere in a worker thread when the response is sent, or earlier where it is awaited:
    `response = await TemplateResponse(...)`. A template of an async environment is rendered on the loop, then.

    To a server that offers `http.response.debug`, as the test client does, template and context are shown.

    Args:
        template: what has a `render(context)`, or an async `render_async(context)` with an `environment.is_async`; one
            of Jinja does.
        status_code: 200 where it is None.
        context: what the template sees; copied.
        background: called after the last byte was sent.
        headers: further headers.
        media_type: of what the template makes.
        encoders: as those of any response.
        passthrough_body_types: as those of any response.
        render_function_name: the method of the template to call, where it is another one.
    """

    def __init__(
        self,
        template: Any,
        status_code: int | None = None,
        context: Mapping[str, Any] | None = None,
        background: Background | None = None,
        headers: HeadersInput = None,
        media_type: str | None = None,
        encoders: Iterable[Any] | None = None,
        passthrough_body_types: tuple[type, ...] | None = None,
        render_function_name: str | None = None,
    ) -> None:
        self.template = template
        self.context: dict[str, Any] = dict(context or {})
        super().__init__(
            self._content(render_function_name),
            status_code=status_code,
            headers=headers,
            media_type=media_type,
            background=background,
            encoders=encoders,
            passthrough_body_types=passthrough_body_types,
        )

    def _content(self, name: str | None) -> Any:
        is_async = getattr(getattr(self.template, "environment", None), "is_async", False)
        render = getattr(self.template, name or ("render_async" if is_async else "render"))
        if is_async_callable(render):
            return Later(render, self.context)
        if is_async:
            raise ImproperlyConfigured(
                f"{self.template!r} is of an async environment, its {name!r} would start an event loop of asyncio: "
                "use render_async"
            )
        return Later(run_in_threadpool, render, self.context) if in_event_loop() else render(self.context)

    def __await__(self) -> Generator[Any, Any, Self]:
        """Render it now, and not when it is sent: while the data is there, and where exceptions are expected."""
        yield from self.resolve_async_content().__await__()
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Render the template, where that was not done before, and send it."""
        await self.resolve_async_content()
        if DEBUG in (scope.get("extensions") or {}):
            with suppress(OSError):  # the client is gone: sending the response will say so
                await send({"type": DEBUG, "info": {"template": self.template, "context": self.context}})
        await super().__call__(scope, receive, send)


class Later:
    """An async call that is made when somebody waits for it; nothing is left over where nobody does."""

    __slots__ = ("_args", "_function")

    def __init__(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        self._function = function
        self._args = args

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._function(*self._args).__await__()
