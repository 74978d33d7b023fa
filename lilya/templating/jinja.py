"""Templates of Jinja as responses.

Where the work is done:

* Loading reads and compiles files: always in a worker thread, never on the event loop.
* A template of a sync environment is rendered in the same thread, for it may call whatever it was given, and that may
  block. A sync handler is in a thread already: there it is rendered at once.
* A template of an async environment is rendered on the loop, for it may await. What it extends, includes and imports by
  a literal name is loaded beforehand; a name that only rendering finds out is loaded when it is met.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from inspect import isasyncgen
from typing import Any, Final, NoReturn

from lilya._asgi.exchange import CLEANUP_SECONDS
from lilya._current import in_event_loop
from lilya.concurrency.nursery import shielded
from lilya.concurrency.threads import enforce_async_callable, is_async_callable, run_in_threadpool
from lilya.exceptions import ImproperlyConfigured, MissingDependency, TemplateNotFound
from lilya.requests import Request
from lilya.responses.base import Background, HeadersInput
from lilya.responses.template import TemplateResponse

__all__ = ["Jinja2Template", "Jinja2Templates", "Page"]

Processor = Callable[[Request], Any]

# How many templates of an async environment are kept at hand: as many as Jinja caches by default.
READY: Final = 400


def load_jinja2() -> Any:
    """The library. Raises `MissingDependency` where it is not installed."""
    try:
        return import_module("jinja2")
    except ImportError as exc:
        raise MissingDependency("Jinja2Template needs jinja2: pip install jinja2") from exc


class Jinja2Template:
    """The templates of a directory, or of an environment of yours.

        templates = Jinja2Template(directory="templates")

        async def home(request: Request) -> TemplateResponse:
            return templates.get_template_response(request, "home.html", {"title": "Home"})

    Values are escaped as HTML unless `autoescape` says otherwise. Templates know `url_for(name, **path_params)` and
    `path_for`, the same, which is the absolute URL of a route.

    Args:
        directory: where templates are looked for; of several, in their order.
        env: an environment of Jinja, instead. Functions it has as `url_for` and `path_for` stay.
        options: those of `jinja2.Environment`, for a `directory`: `enable_async=True` for templates that await,
            `auto_reload=False` to look for changes no more. And `context_processors`: functions, sync (called in a
            thread) or async, of the request; each returns a mapping that all templates see, unless a response says
            otherwise. Of several, the last wins.

    Raises:
        AssertionError: neither `directory` nor `env` is given, or both.
        MissingDependency: Jinja is not installed.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        *,
        env: Any = None,
        **options: Any,
    ) -> None:
        if (directory is None) == (env is None):
            raise AssertionError("either 'env' or 'directory' arguments must be passed but not both.")
        self.context_processors: tuple[Processor, ...] = tuple(options.pop("context_processors", None) or ())
        if env is not None and options:
            raise ImproperlyConfigured(
                f"Jinja2Template: {', '.join(options)} are options of an environment that is made here; "
                "the one given as `env` has its own"
            )
        self._jinja2 = load_jinja2()
        self._ready: dict[str, Any] = {}  # used where changes are not looked for
        self._missing: set[str] = set()  # what templates name and nobody has
        self.env = env if directory is None else self._environment(directory, options)
        for name in ("url_for", "path_for"):
            self.env.globals.setdefault(name, self._jinja2.pass_context(url_for))

    def _environment(self, directory: Any, options: dict[str, Any]) -> Any:
        loader = self._jinja2.FileSystemLoader(directory)
        env = self._jinja2.Environment(**{"loader": loader, "autoescape": True, **options})
        if env.is_async:
            loader.get_source = partial(self._source, loader.get_source)
            # Of themselves these would start an event loop, of asyncio.
            refusing = {"render": refuse_sync, "generate": refuse_sync, "stream": refuse_sync}
            env.template_class = type("AsyncTemplate", (env.template_class,), refusing)
        return env

    def _source(self, get_source: Any, environment: Any, name: str) -> Any:
        """The loader's `get_source`; on the loop it does not look again for what `_prepare` has just looked for."""
        if name in self._missing and in_event_loop():
            raise self._jinja2.TemplateNotFound(name)
        source, filename, is_current = get_source(environment, name)
        return source, filename, lambda: in_event_loop() or is_current()

    def get_template(self, name: str) -> Any:
        """The template of that name. It blocks: it may read files. Raises `TemplateNotFound`."""
        with self.finding():
            return self.env.get_template(name)

    def get_template_response(
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any] | None = None,
        status_code: int = 200,
        headers: HeadersInput = None,
        media_type: str | None = None,
        background: Background | None = None,
    ) -> TemplateResponse:
        """A response with the template of that name, rendered with `context`, in which `request` is the request.

        See `TemplateResponse` for when and where that is done. That is where `TemplateNotFound` is raised, and what the
        template raises. Cancelling the rendering of an async template cancels what it awaits.
        """
        if not isinstance(request, Request):
            raise AssertionError(f"the first argument is the request, not {request!r}")
        page = Page(self, name, request, self.context_processors)
        return page.respond(
            context, status_code=status_code, headers=headers, media_type=media_type, background=background
        )

    @contextmanager
    def finding(self) -> Iterator[None]:
        """What is not found in the block, is not found in our words."""
        try:
            yield
        except self._jinja2.TemplateNotFound as exc:
            raise TemplateNotFound(name=exc.name) from exc

    async def ready(self, name: str) -> Any:
        """The template of that name, with all that it is known to need: nothing is read while it is rendered."""
        if name in self._ready:
            return self._ready[name]
        template = await run_in_threadpool(self._prepare, name)
        if not self.env.auto_reload:
            if len(self._ready) >= READY:
                self._ready.clear()
            self._ready[name] = template
        return template

    def _prepare(self, name: str) -> Any:
        """In a thread: load a template, and what it names, into the environment's cache."""
        pending, seen = [name], {name}
        while pending:
            each = pending.pop()
            try:
                template = self.env.get_template(each)
            except self._jinja2.TemplateNotFound as exc:
                if each == name:
                    raise TemplateNotFound(name=exc.name or each) from exc
                self._missing.add(each)  # whether it is needed, rendering will show
                continue
            self._missing.discard(each)
            found = {self.env.join_path(other, each) for other in self._references(template, each)} - seen
            seen |= found
            pending += found
        return self.env.get_template(name)

    def _references(self, template: Any, name: str) -> Sequence[str]:
        """The names a template extends, includes and imports, as far as they are written in it."""
        known: tuple[str, ...] | None = vars(template).get("lilya_references")
        if known is None:
            known = ()
            if self.env.loader.has_source_access:
                tree = self.env.parse(self.env.loader.get_source(self.env, name)[0])
                meta = import_module("jinja2.meta")
                known = tuple(each for each in meta.find_referenced_templates(tree) if each is not None)
            template.lilya_references = known  # it goes when the template goes
        return known


Jinja2Templates = Jinja2Template


class Page:
    """A template by its name, and a request: what a response renders. `processors` add to the context."""

    def __init__(self, templates: Jinja2Template, name: str, request: Request, processors: Sequence[Processor]) -> None:
        self.name = name
        self.environment = templates.env
        self._templates = templates
        self._request = request
        self._processors = processors
        self.is_async = templates.env.is_async or any(is_async_callable(each) for each in processors)

    def respond(self, context: Mapping[str, Any] | None, **options: Any) -> TemplateResponse:
        """The response, with options of its own."""
        return TemplateResponse(
            self,
            context={"request": self._request, **(context or {})},
            render_function_name="render_async" if self.is_async else "render",
            **options,
        )

    def render(self, context: dict[str, Any]) -> str:
        """The text of the page; blocks. What the processors add is added to `context` itself."""
        found: dict[str, Any] = {}
        for processor in self._processors:
            found |= processor(self._request)
        add(found, context)
        return self._render_now(context)

    def _render_now(self, context: dict[str, Any]) -> str:
        with self._templates.finding():
            text: str = self._templates.get_template(self.name).render(context)
        return text

    async def render_async(self, context: dict[str, Any]) -> str:
        """The same where something is async: the environment, or a processor."""
        try:
            found: dict[str, Any] = {}
            for processor in self._processors:
                found |= await enforce_async_callable(processor)(self._request)
            add(found, context)
            if not self.environment.is_async:
                return await run_in_threadpool(self._render_now, context)
            template = await self._templates.ready(self.name)
            with self._templates.finding():
                text: str = await template.render_async(context)
            return text
        finally:
            # Jinja leaves a generator that it does not come to the end of to the garbage collector.
            open_ones = [value for value in context.values() if isasyncgen(value) and value.ag_frame is not None]
            if open_ones:
                with shielded(CLEANUP_SECONDS):
                    for generator in open_ones:
                        await generator.aclose()

    def __repr__(self) -> str:
        return f"<template {self.name!r}>"


def add(found: Mapping[str, Any], context: dict[str, Any]) -> None:
    """Add to a context what it has not."""
    for key, value in found.items():
        context.setdefault(key, value)


def url_for(context: Any, name: str, /, **path_params: Any) -> Any:
    """The absolute URL of a route, for templates. Raises `NoMatchFound`."""
    request = context.get("request")
    if request is None:
        raise ImproperlyConfigured(
            f"url_for({name!r}) needs the request: render with `request` in the context, import macros `with context`"
        )
    return request.path_for(name, **path_params)


def refuse_sync(template: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Stands for the sync methods of a template of an async environment."""
    raise RuntimeError(
        f"the template {template.name!r} is of an async environment: await template.render_async(...), or iterate over "
        "template.generate_async(...); without enable_async=True there is template.render(...)"
    )
