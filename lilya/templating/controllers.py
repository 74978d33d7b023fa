"""Controllers that answer with templates: of anything, of a list, of a form.

The hooks of these classes may be overridden by sync methods, which run in threads, and by async ones; what they return
here may be awaited or not, so that `super()` serves both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import lru_cache, partial
from inspect import getattr_static, signature
from typing import Any, ClassVar, Final, Self

from lilya.concurrency.threads import enforce_async_callable, is_async_callable, run_in_threadpool
from lilya.controllers import Controller
from lilya.datastructures._forms import FormData
from lilya.encoders._molding import apply_structure
from lilya.exceptions import ImproperlyConfigured, ValidationError
from lilya.requests import Request
from lilya.responses.base import RedirectResponse
from lilya.responses.template import TemplateResponse
from lilya.templating.jinja import Jinja2Template, Page, Processor

__all__ = ["FormController", "ListController", "TemplateController"]

# Where templates are looked for when a class does not say, in the directory the program runs in.
DIRECTORY: Final = "templates"
# What `render_template` takes for the response; everything else is for the template.
OPTIONS: Final = ("background", "headers", "media_type", "status_code")
# The name errors go by that are of a form as a whole.
ALL: Final = "__all__"


class Awaited:
    """Something that is here already, and may be awaited all the same."""

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from ()
        return self


class ContextData(Awaited, dict[str, Any]):
    """What a template sees."""


class SeeOther(Awaited, RedirectResponse):
    """Sends the client elsewhere, with a GET (RFC 9110, section 15.4.4)."""

    status_code = 303


@lru_cache(maxsize=8)
def templates_in(directory: str) -> Jinja2Template:
    """The templates of a directory, loaded by all that ask for them."""
    return Jinja2Template(directory)


class TemplateController(Controller):
    """A controller that answers with a template.

        class Home(TemplateController):
            template_name = "home.html"

            async def get(self, request: Request) -> TemplateResponse:
                return self.render_template(request, {"title": "Home"})

    `templates` is where they are, by default those of the directory `templates`. `context_processors` add to what the
    template sees, as those of `Jinja2Template` do. With `csrf_enabled` it sees the token of the `CSRFMiddleware` under
    the name `csrf_token_form_name`.
    """

    template_name: ClassVar[str] = ""
    templates: ClassVar[Jinja2Template | None] = None
    context_processors: ClassVar[Sequence[Processor]] = ()
    csrf_enabled: ClassVar[bool] = False
    csrf_token_form_name: ClassVar[str] = "csrf_token"

    def render_template(
        self, request: Request, context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> TemplateResponse:
        """A response with the template; awaited, it is rendered at once.

        `status_code`, `headers`, `media_type` and `background` are the response's; all other keywords go to
        `get_context_data`, what comes from there is overridden by `context`. Raises `ImproperlyConfigured` when the
        class does not say which template.
        """
        name = type(self).__name__
        if not self.template_name:
            raise ImproperlyConfigured(f"{name} does not say which template: set {name}.template_name")
        templates = templates_in(os.path.abspath(DIRECTORY)) if self.templates is None else self.templates
        options = {key: kwargs.pop(key) for key in OPTIONS if key in kwargs}
        shown = dict(context or {})
        if self.csrf_enabled:
            shown.setdefault(self.csrf_token_form_name, csrf_token(request, name))
        processors = (*templates.context_processors, *self.context_processors)
        if is_own(self.get_context_data):
            shown = {**self.get_context_data(request, **kwargs), **shown}
        else:
            processors = (*processors, partial(self.get_context_data, **kwargs))
        return Page(templates, self.template_name, request, processors).respond(shown, **options)

    def get_context_data(self, request: Request, **kwargs: Any) -> Any:
        """What the template sees: `kwargs`. Override it to add to that."""
        return ContextData(kwargs)

    def get_return_url(self, request: Request, reverse_name: str, **params: Any) -> str:
        """The absolute URL of a route, as text. Raises `NoMatchFound`."""
        return str(request.path_for(reverse_name, **params))


class ListController(TemplateController):
    """A controller that answers GET with a template of several objects: those of `get_queryset`.

    The template sees them as `context_object_name`; while `get_queryset` runs, `self.request` is the request.
    """

    context_object_name: ClassVar[str] = "object_list"
    request: Request

    def get_queryset(self) -> Any:
        """The objects. Override it."""
        raise ImproperlyConfigured(f"{type(self).__name__} has no get_queryset: override it to return the objects")

    async def get(self, request: Request) -> TemplateResponse:
        """The template with the objects."""
        self.request = request
        objects = await hook(self.get_queryset)
        return self.render_template(request, **{self.context_object_name: objects})


class FormController(TemplateController):
    """A controller that shows a form on GET, and takes it on POST.

    What was sent is made a `form_class` by `validate_form`: by `validator(form_class, data)`, where there is one, else
    by the encoders, which know dataclasses, pydantic, msgspec, attrs. That goes to `form_valid`, which redirects to
    `success_url`; what does not validate to `form_invalid`, which shows the form once more, with 400.

    The template sees `form`, the values to show, and `errors`: a dict of lists of texts by field, those of the whole
    form under "__all__". `self.request` is the request.
    """

    form_class: ClassVar[Any] = None
    success_url: ClassVar[str] = ""
    validator: ClassVar[Callable[..., Any] | None] = None
    request: Request

    def get_initial(self) -> Any:
        """The values an empty form shows."""
        return ContextData()

    def form_valid(self, request: Request, form: Any) -> Any:
        """The form was sent, and is right. Override it to do something with it."""
        if not self.success_url:
            name = type(self).__name__
            raise ImproperlyConfigured(f"{name} does not say where to go on: set {name}.success_url")
        return SeeOther(self.success_url)

    def form_invalid(self, request: Request, errors: Mapping[str, list[str]], data: Mapping[str, Any]) -> Any:
        """The form was sent, and is wrong."""
        return self.render_template(request, form=data, errors=errors, status_code=400)

    async def validate_form(self, data: Mapping[str, Any]) -> Any:
        """What `data` makes. Raises what says that it is wrong: a `ValidationError` of any library, a `ValueError`."""
        validator = getattr_static(self, "validator")
        if validator is not None:
            if isinstance(validator, staticmethod) or "self" in signature(validator).parameters:
                validator = self.validator
            return await enforce_async_callable(validator)(self.form_class, data)
        if self.form_class is None:
            return data
        form = apply_structure(self.form_class, data)
        if form is not data:
            return form
        try:  # a class no encoder knows
            return self.form_class(**data)
        except TypeError as exc:  # too many fields, or too few
            raise ValueError(str(exc)) from exc

    async def get(self, request: Request) -> Any:
        """The form, to be filled in."""
        self.request = request
        return self.render_template(request, form=await hook(self.get_initial), errors={})

    async def post(self, request: Request) -> Any:
        """Take the form."""
        self.request = request
        data = plain(await request.data(raise_exception=True))
        try:
            form = await self.validate_form(data)
        except Exception as exc:
            if not says_invalid(exc):
                raise
            return await hook(self.form_invalid, request, errors_of(exc), data)
        return await hook(self.form_valid, request, form)


def is_own(method: Any) -> bool:
    """Whether a hook is the one of these classes, and not somebody's."""
    return getattr(method, "__module__", None) == __name__


async def hook(method: Callable[..., Any], *args: Any) -> Any:
    """Call a hook: one of ours as it is, a sync one of somebody's in a thread."""
    if is_own(method) or is_async_callable(method):
        found = method(*args)
        return await found if hasattr(found, "__await__") else found
    return await run_in_threadpool(method, *args)


def plain(data: Any) -> dict[str, Any]:
    """What was sent as a dict: of a form field that came several times, the list of its values."""
    if isinstance(data, FormData):
        return {key: values if len(values) > 1 else values[0] for key, values in data.dump_list().items()}
    if isinstance(data, Mapping):
        return dict(data)
    raise ValidationError({ALL: ["A form was expected."]})


def says_invalid(exc: Exception) -> bool:
    """Whether an exception says that data is wrong: a `ValueError`, or a `ValidationError` of any library."""
    return isinstance(exc, ValueError) or "ValidationError" in (kind.__name__ for kind in type(exc).__mro__)


def errors_of(exc: Exception) -> dict[str, list[str]]:
    """What is wrong, by field."""
    detail: Any = exc.detail if isinstance(exc, ValidationError) else getattr(exc, "messages", None)
    report = getattr(exc, "errors", None)
    if callable(report):  # pydantic's
        found: dict[str, list[str]] = {}
        for each in report():
            found.setdefault(".".join(map(str, each.get("loc", ()))) or ALL, []).append(str(each.get("msg", each)))
        return found
    if isinstance(detail, Mapping):
        return {str(key): texts(value) for key, value in detail.items()}
    return {ALL: texts(detail if detail is not None else str(exc))}


def texts(value: Any) -> list[str]:
    """One text or several as a list."""
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


def csrf_token(request: Request, name: str) -> str:
    """The token the `CSRFMiddleware` gives to forms."""
    token: str | None = request.scope.get("csrf_token") or request.cookies.get("csrftoken")
    if token is None:
        raise ImproperlyConfigured(f"{name}.csrf_enabled needs the token of a CSRFMiddleware: install it")
    return token
