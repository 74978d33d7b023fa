"""Controllers that answer with templates: of anything, of a list, of a form."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, ClassVar

import anyio
import pytest

from lilya.apps import Lilya
from lilya.exceptions import ImproperlyConfigured, ValidationError
from lilya.requests import Request
from lilya.responses import PlainText, TemplateResponse
from lilya.routing import Path
from lilya.templating import Jinja2Template
from lilya.templating.controllers import FormController, ListController, TemplateController
from lilya.templating.jinja import Page
from tests.routing.client import Answer, call

pytest.importorskip("jinja2")

FORM = [(b"host", b"example.org"), (b"content-type", b"application/x-www-form-urlencoded")]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def page(request: pytest.FixtureRequest, tmp_path: FilePath) -> Callable[[str], dict[str, Any]]:
    """Makes what a class needs for a template: `page("{{ title }}")`; of a sync environment and of an async one."""

    def page(source: str) -> dict[str, Any]:
        (tmp_path / "page.html").write_text(source, encoding="utf-8")
        return {"template_name": "page.html", "templates": Jinja2Template(tmp_path, enable_async=request.param)}

    return page


PageOf = Callable[[str], dict[str, Any]]


async def ask(controller: Any, method: str = "GET", body: bytes = b"", **scope: Any) -> Answer:
    scope.setdefault("headers", FORM)
    return await call(Lilya(routes=[Path("/", controller, name="page")]), "/", method, body=body, **scope)


async def fault_of(controller: Any, method: str = "GET", body: bytes = b"") -> str:
    """What the log is told of a controller that is put together wrongly."""
    app = Lilya(routes=[Path("/", controller, name="page")])
    with pytest.raises(ImproperlyConfigured) as fault:
        await call(app, "/", method, body=body, headers=FORM)
    return str(fault.value)


def main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


# -- anything ---------------------------------------------------------------------------------------------------------


async def test_it_answers_with_its_template(page: PageOf) -> None:
    class Home(TemplateController):
        async def get(self, request: Request) -> TemplateResponse:
            return self.render_template(request, {"title": "Home"}, status_code=201, headers={"x-a": "b"})

        async def post(self, request: Request) -> TemplateResponse:
            return await self.render_template(request, title="by keyword")

        def put(self, request: Request) -> TemplateResponse:
            return self.render_template(request, {"title": "context"}, title="keyword")

    controller = type("Home", (Home,), page("{{ title }} {{ request.method }}"))
    answer = await ask(controller)
    assert (answer.status, answer.text, answer.headers["x-a"]) == (201, "Home GET", "b")
    assert (await ask(controller, "POST")).text == "by keyword POST"
    assert (await ask(controller, "PUT")).text == "context PUT"


class Titled(TemplateController):
    """Shows what `get_context_data` says."""

    async def get(self, request: Request) -> TemplateResponse:
        return self.render_template(request, {"explicit": "context"}, word="given")


async def test_what_the_template_sees_may_be_added_to_by_a_sync_method_in_a_thread(page: PageOf) -> None:
    class Sync(Titled):
        def get_context_data(self, request: Request, **kwargs: Any) -> Any:
            context = super().get_context_data(request, **kwargs)
            context.update(path=request.url.path, explicit="overridden", on_loop=main_thread())
            return context

    controller = type("Sync", (Sync,), page("{{ word }} {{ path }} {{ explicit }} {{ on_loop }}"))
    assert (await ask(controller)).text == "given / context False"


async def test_or_by_an_async_one_on_the_loop(page: PageOf) -> None:
    class Async(Titled):
        async def get_context_data(self, request: Request, **kwargs: Any) -> Any:
            await anyio.sleep(1)
            context = await super().get_context_data(request, **kwargs)
            return {**context, "on_loop": main_thread()}

    controller = type("Async", (Async,), page("{{ word }} {{ on_loop }}"))
    assert (await ask(controller)).text == "given True"


async def test_context_processors_of_the_templates_of_the_class_and_the_method_add_up(page: PageOf) -> None:
    class Several(Titled):
        context_processors: ClassVar = [lambda request: {"a": "class", "b": "class", "explicit": "class"}]

        def get_context_data(self, request: Request, **kwargs: Any) -> Any:
            return {"b": "method"}

    given = page("{{ a }} {{ b }} {{ c }} {{ explicit }}")
    given["templates"].context_processors = (lambda request: dict.fromkeys("abc", "templates"),)
    assert (await ask(type("Several", (Several,), given))).text == "class method templates context"


async def test_the_url_to_go_back_to_is_absolute() -> None:
    class Home(TemplateController):
        async def get(self, request: Request) -> str:
            return self.get_return_url(request, "page")

    assert (await ask(Home)).json == "http://example.org/"


async def test_without_a_template_it_says_where_to_name_it() -> None:
    class Nameless(Titled):
        """Has forgotten something."""

    assert await fault_of(Nameless) == "Nameless does not say which template: set Nameless.template_name"


async def test_templates_are_looked_for_beside_the_program(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("beside")
    monkeypatch.chdir(tmp_path)
    templates: list[Any] = []

    class Beside(Titled):
        template_name = "page.html"

        async def get(self, request: Request) -> TemplateResponse:
            response = self.render_template(request)
            assert isinstance(response.template, Page)
            templates.append(response.template.environment)
            return response

    assert [(await ask(Beside)).text, (await ask(Beside)).text] == ["beside", "beside"]
    assert templates[0] is templates[1]


# -- the token of forms -----------------------------------------------------------------------------------------------


class Guarded(Titled):
    """Shows the token."""

    csrf_enabled = True
    csrf_token_form_name = "token"


async def test_the_token_of_forms_is_the_middleware_s_or_the_cookie_s(page: PageOf) -> None:
    controller = type("Guarded", (Guarded,), page("{{ token }}"))
    cookie = [*FORM, (b"cookie", b"csrftoken=of-the-cookie")]
    assert (await ask(controller, headers=cookie)).text == "of-the-cookie"
    assert (await ask(controller, headers=cookie, csrf_token="of-the-scope")).text == "of-the-scope"


async def test_without_a_token_it_says_what_is_missing(page: PageOf) -> None:
    fault = await fault_of(type("Guarded", (Guarded,), page("{{ token }}")))
    assert fault == "Guarded.csrf_enabled needs the token of a CSRFMiddleware: install it"


# -- a list -----------------------------------------------------------------------------------------------------------


async def test_a_list_is_shown_of_what_a_sync_method_finds_in_a_thread(page: PageOf) -> None:
    class Items(ListController):
        def get_queryset(self) -> Any:
            return [self.request.query_params["q"], main_thread()]

    controller = type("Items", (Items,), page("{% for each in object_list %}{{ each }} {% endfor %}"))
    assert (await ask(controller, query_string=b"q=x")).text == "x False "


async def test_or_of_what_an_async_one_finds_on_the_loop_under_another_name(page: PageOf) -> None:
    class Items(ListController):
        context_object_name = "items"

        async def get_queryset(self) -> Any:
            await anyio.sleep(1)
            return [1, main_thread()]

    controller = type("Items", (Items,), page("{{ items }}"))
    assert (await ask(controller)).text == "[1, True]"
    assert (await ask(controller, "HEAD")).headers["content-length"] == "9"


async def test_a_list_of_nothing_in_particular_says_what_to_override(page: PageOf) -> None:
    controller = type("Items", (ListController,), page("{{ object_list }}"))
    assert await fault_of(controller) == "Items has no get_queryset: override it to return the objects"


# -- a form -----------------------------------------------------------------------------------------------------------

SHOW = "{{ form.name }}|{% for key, texts in errors.items() %}{{ key }}: {{ texts|join(', ') }}{% endfor %}"


@dataclass
class Person:
    name: str
    tags: Any = ()


class PersonForm(FormController):
    """Takes a person."""

    form_class = Person
    success_url = "/thanks"
    taken: ClassVar[list[Any]]

    def form_valid(self, request: Request, form: Any) -> Any:
        assert request is self.request
        self.taken.append(form)
        return super().form_valid(request, form)


def person_form(base: type[FormController], page: PageOf, source: str = SHOW, **more: Any) -> Any:
    return type(base.__name__, (base,), {**page(source), "taken": [], **more})


async def test_a_form_is_shown_empty_or_with_what_it_begins_with(page: PageOf) -> None:
    assert (await ask(person_form(FormController, page))).text == "|"

    class Beginning(PersonForm):
        def get_initial(self) -> Any:
            return {**super().get_initial(), "name": self.request.method}

    class Later(PersonForm):
        async def get_initial(self) -> Any:
            return {**await super().get_initial(), "name": "later"}

    assert (await ask(person_form(Beginning, page))).text == "GET|"
    assert (await ask(person_form(Later, page))).text == "later|"


async def test_a_form_that_is_right_is_taken_and_the_client_goes_on(page: PageOf) -> None:
    controller = person_form(PersonForm, page)
    answer = await ask(controller, "POST", b"name=Ada&tags=a&tags=b")
    assert (answer.status, answer.headers["location"]) == (303, "/thanks")
    assert controller.taken == [Person("Ada", ["a", "b"])]


async def test_json_is_taken_as_well(page: PageOf) -> None:
    controller = person_form(PersonForm, page)
    headers = [(b"content-type", b"application/json")]
    assert (await ask(controller, "POST", b'{"name": "Ada"}', headers=headers)).status == 303
    assert controller.taken == [Person("Ada")]
    assert (await ask(controller, "POST", b'["Ada"]', headers=headers)).status == 400
    assert (await ask(controller, "POST", b"{", headers=headers)).status == 400


async def test_a_form_that_is_wrong_is_shown_once_more_with_what_is_wrong(page: PageOf) -> None:
    answer = await ask(person_form(PersonForm, page), "POST", b"tags=a")
    assert answer.status == 400
    assert answer.text.startswith("|__all__: ")
    assert "name" in answer.text


async def test_without_a_class_the_form_is_what_was_sent(page: PageOf) -> None:
    controller = person_form(PersonForm, page, form_class=None)
    await ask(controller, "POST", b"name=Ada")
    assert controller.taken == [{"name": "Ada"}]


class Unknown:
    """A class no encoder knows."""

    def __init__(self, name: str) -> None:
        if name == "nobody":
            raise ValueError("nobody is called so")
        self.name = name


async def test_a_class_no_encoder_knows_is_made_of_the_fields(page: PageOf) -> None:
    controller = person_form(PersonForm, page, form_class=Unknown)
    assert (await ask(controller, "POST", b"name=Ada")).status == 303
    assert controller.taken[0].name == "Ada"
    assert (await ask(controller, "POST", b"name=nobody")).text == "nobody|__all__: nobody is called so"
    assert "unexpected keyword argument" in (await ask(controller, "POST", b"name=a&age=3")).text
    assert "missing 1 required" in (await ask(controller, "POST", b"")).text


def validate(form_class: Any, data: Mapping[str, Any]) -> Any:
    return form_class(data["name"].title(), main_thread())


async def validate_async(form_class: Any, data: Mapping[str, Any]) -> Any:
    await anyio.sleep(1)
    return validate(form_class, data)


class WithMethod(PersonForm):
    """Validates by a method."""

    def validator(self, form_class: Any, data: Mapping[str, Any]) -> Any:
        return validate(form_class, data)


@pytest.mark.parametrize(
    ("base", "more", "on_loop"),
    [
        (PersonForm, {"validator": validate}, False),
        (PersonForm, {"validator": staticmethod(validate)}, False),
        (PersonForm, {"validator": validate_async}, True),
        (WithMethod, {}, False),
    ],
    ids=["function", "static", "async", "method"],
)
async def test_a_validator_makes_the_form(page: PageOf, base: Any, more: Any, on_loop: bool) -> None:
    controller = person_form(base, page, **more)
    await ask(controller, "POST", b"name=ada")
    assert controller.taken == [Person("Ada", on_loop)]


class Messages(Exception):
    """As of marshmallow."""

    messages: ClassVar = {"name": ["too short", "too odd"]}


class Report(ValueError):
    """As of pydantic."""

    def errors(self) -> list[dict[str, Any]]:
        return [{"loc": ("name", 0), "msg": "bad"}, {"loc": (), "msg": "all bad"}]


Foreign = type("ValidationError", (Messages,), {})


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("no"), "__all__: no"),
        (ValidationError({"name": "empty"}), "name: empty"),
        (ValidationError({"name": ["empty", "odd"]}), "name: empty, odd"),
        (ValidationError(["one", "two"]), "__all__: one, two"),
        (Foreign(), "name: too short, too odd"),
        (Report(), "name.0: bad__all__: all bad"),
    ],
    ids=["value", "field", "texts", "list", "foreign", "report"],
)
async def test_what_is_wrong_is_told_by_field(page: PageOf, error: Exception, shown: str) -> None:
    class Refusing(PersonForm):
        async def validate_form(self, data: Mapping[str, Any]) -> Any:
            raise error

    answer = await ask(person_form(Refusing, page), "POST", b"name=Ada")
    assert (answer.status, answer.text) == (400, f"Ada|{shown}")


async def test_a_bug_is_no_wrong_form(page: PageOf) -> None:
    class Buggy(PersonForm):
        async def validate_form(self, data: Mapping[str, Any]) -> Any:
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        await ask(person_form(Buggy, page), "POST", b"name=Ada")


async def test_what_happens_to_a_form_may_be_said_by_sync_methods_and_by_async_ones(page: PageOf) -> None:
    class Sync(PersonForm):
        def form_valid(self, request: Request, form: Any) -> Any:
            return PlainText(f"{form.name} {main_thread()}")

        def form_invalid(self, request: Request, errors: Any, data: Any) -> Any:
            return self.render_template(request, form={"name": f"{main_thread()}"}, errors={}, status_code=422)

    class Async(PersonForm):
        async def form_valid(self, request: Request, form: Any) -> Any:
            response = await super().form_valid(request, form)
            response.headers["x-name"] = form.name
            return response

        async def form_invalid(self, request: Request, errors: Any, data: Any) -> Any:
            response = await super().form_invalid(request, errors, data)
            response.status_code = 422
            return response

    assert (await ask(person_form(Sync, page), "POST", b"name=Ada")).text == "Ada False"
    answer = await ask(person_form(Sync, page), "POST", b"")
    assert (answer.status, answer.text) == (422, "False|")
    assert (await ask(person_form(Async, page), "POST", b"name=Ada")).headers["x-name"] == "Ada"
    assert (await ask(person_form(Async, page), "POST", b"")).status == 422


async def test_a_form_that_leads_nowhere_says_where_to_say_it(page: PageOf) -> None:
    controller = person_form(PersonForm, page, success_url="")
    fault = await fault_of(controller, "POST", b"name=Ada")
    assert fault == "PersonForm does not say where to go on: set PersonForm.success_url"


def test_none_of_them_is_a_handler_without_a_method() -> None:
    with pytest.raises(ImproperlyConfigured, match="TemplateController answers to nothing"):
        Path("/", TemplateController)
