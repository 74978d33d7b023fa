"""Templates of Jinja are found, rendered and answered with, and never stop the event loop for it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path as FilePath
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.requests import Request
from lilya.responses import TemplateResponse
from lilya.routing import Include, NoMatchFound, Path
from lilya.templating import Jinja2Template, Jinja2Templates, TemplateNotFound
from lilya.templating.jinja import READY
from tests.routing.client import Answer, call, fail
from tests.support.wire import http_scope

jinja2: Any = pytest.importorskip("jinja2")

Write = Callable[..., None]
BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@pytest.fixture
def write(tmp_path: FilePath) -> Write:
    """Writes templates: `write(home="<h1>{{ title }}")` makes `home.html`."""

    def write(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.html").write_text(source, encoding="utf-8")

    return write


async def render(
    templates: Jinja2Template, name: str = "home.html", context: Any = None, *, path: str = "/", **scope: Any
) -> Answer:
    async def handler(request: Request) -> TemplateResponse:
        return templates.get_template_response(request, name, context)

    routes = [Path(path, handler, name="here"), Path("/items/{id:int}", handler, name="item")]
    return await call(Lilya(routes=routes), path, **scope)


# -- rendering ---------------------------------------------------------------------------------------------------------


@BOTH
async def test_a_template_is_rendered_with_its_context_and_escapes_html(
    tmp_path: FilePath, write: Write, is_async: bool
) -> None:
    write(home="<h1>{{ title }}")
    answer = await render(Jinja2Template(tmp_path, enable_async=is_async), context={"title": "<Ü>"})
    assert (answer.status, answer.text) == (200, "<h1>&lt;Ü&gt;")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@BOTH
async def test_the_answer_is_as_it_was_asked_for(tmp_path: FilePath, write: Write, is_async: bool) -> None:
    write(home="{{ request.method }}")
    templates = Jinja2Template(tmp_path, enable_async=is_async)
    done: list[str] = []

    async def handler(request: Request) -> TemplateResponse:
        return templates.get_template_response(
            *(request, "home.html", None, 202),
            headers={"x-a": "b"},
            media_type="text/plain",
            background=Task(done.append, "done"),
        )

    answer = await call(Lilya(routes=[Path("/", handler)]))
    assert (answer.status, answer.text, answer.headers["x-a"]) == (202, "GET", "b")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert done == ["done"]


async def test_escaping_may_be_left_to_jinja(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ title }}")
    assert (await render(Jinja2Template(tmp_path, autoescape=False), context={"title": "<"})).text == "<"


async def test_several_directories_are_searched_in_order(tmp_path: FilePath) -> None:
    for number, name in enumerate(["theme", "base"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "home.html").write_text(f"{number}")
    (tmp_path / "base" / "other.html").write_text("other")
    templates = Jinja2Template([tmp_path / "theme", str(tmp_path / "base")])
    assert (await render(templates)).text == "0"
    assert (await render(templates, "other.html")).text == "other"


@BOTH
async def test_an_environment_of_ones_own_will_do(is_async: bool) -> None:
    sources = {"home.html": "{{ url_for('here') }} {{ path_for() }}{% include 'part.html' %}", "part.html": "!"}
    env = jinja2.Environment(loader=jinja2.DictLoader(sources), enable_async=is_async)
    env.globals["path_for"] = lambda: "mine"
    templates = Jinja2Template(env=env, context_processors=[lambda request: {}])
    assert (await render(templates)).text == "http://example.org/ mine!"
    assert templates.env is env


async def test_an_async_environment_without_sources_will_do(tmp_path: FilePath, write: Write) -> None:
    write(home="compiled")
    sources = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path), enable_async=True)
    sources.compile_templates(tmp_path / "compiled", zip=None)
    env = jinja2.Environment(loader=jinja2.ModuleLoader(tmp_path / "compiled"), enable_async=True)
    assert (await render(Jinja2Template(env=env))).text == "compiled"


async def test_a_child_may_be_changed_on_the_disk_and_is_seen(tmp_path: FilePath, write: Write) -> None:
    write(home="{% include 'part.html' %}", part="before")
    for is_async in (False, True):
        write(part="before")
        templates = Jinja2Template(tmp_path, enable_async=is_async)
        assert (await render(templates)).text == "before"
        write(part="after")
        os.utime(tmp_path / "part.html", (1, 1))
        assert (await render(templates)).text == "after"


# -- urls --------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("function", ["url_for", "path_for"])
async def test_templates_know_the_urls_of_routes(
    tmp_path: FilePath, write: Write, is_async: bool, function: str
) -> None:
    write(home=f"<a href=\"{{{{ {function}('item', id=3).include_query_params(a='1', b='2') }}}}\">")
    templates = Jinja2Template(tmp_path, enable_async=is_async)
    assert (await render(templates)).text == '<a href="http://example.org/items/3?a=1&amp;b=2">'


async def test_the_urls_of_a_child_application_are_whole(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ url_for('child:page') }}")
    templates = Jinja2Template(tmp_path)

    async def handler(request: Request) -> TemplateResponse:
        return templates.get_template_response(request, "home.html")

    child = ChildLilya(routes=[Path("/page", handler, name="page")])
    app = Lilya(routes=[Include("/in", app=child, name="child")])
    assert (await call(app, "/in/page")).text == "http://example.org/in/page"


async def test_a_route_that_is_not_there_is_an_error(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ url_for('nowhere') }}")
    templates = Jinja2Template(tmp_path)

    async def handler(request: Request) -> TemplateResponse:
        return templates.get_template_response(request, "home.html")

    assert isinstance((await fail(Lilya(routes=[Path("/", handler)]))).error, NoMatchFound)


def test_urls_need_the_request_and_say_so(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ url_for('here') }}")
    with pytest.raises(ImproperlyConfigured, match=r"url_for\('here'\) needs the request"):
        Jinja2Template(tmp_path).get_template("home.html").render()


# -- context processors ------------------------------------------------------------------------------------------------


def first(request: Request) -> dict[str, Any]:
    return {"a": "first", "b": "first", "c": "first", "thread": threading.current_thread()}


async def second(request: Request) -> dict[str, Any]:
    await anyio.sleep(1)
    return {"b": "second", "c": "second", "path": request.url.path}


@BOTH
@pytest.mark.parametrize("processors", [[first], [first, second], (second,)], ids=["sync", "both", "async"])
async def test_context_processors_add_to_what_is_seen_and_the_context_wins(
    tmp_path: FilePath, write: Write, is_async: bool, processors: Any
) -> None:
    write(home="{{ a }} {{ b }} {{ c }} {{ path }}")
    templates = Jinja2Template(tmp_path, enable_async=is_async, context_processors=processors)
    answer = await render(templates, context={"c": "context"}, path="/x", extensions={"http.response.debug": {}})
    a = "first" if first in processors else ""
    b, path = ("second", "/x") if second in processors else ("first", "")
    assert answer.sent[-1]["body"].decode() == f"{a} {b} context {path}"
    assert answer.sent[0]["info"]["context"]["b"] == b
    assert answer.sent[0]["info"]["context"].get("thread") is not threading.main_thread()


async def test_a_sync_handler_is_given_a_rendered_answer_unless_a_processor_awaits(
    tmp_path: FilePath, write: Write
) -> None:
    write(home="{{ a }}{{ path }}")
    bodies: list[bytes] = []

    def handler(request: Request) -> TemplateResponse:
        response = templates.get_template_response(request, "home.html")
        bodies.append(response.body)
        return response

    templates = Jinja2Template(tmp_path, context_processors=[first])
    assert (await call(Lilya(routes=[Path("/", handler)]))).text == "first"
    templates = Jinja2Template(tmp_path, context_processors=[second])
    assert (await call(Lilya(routes=[Path("/", handler)]))).text == "/"
    assert bodies == [b"first", b""]


# -- where it happens --------------------------------------------------------------------------------------------------


async def test_a_sync_template_is_rendered_in_a_worker_thread(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ thread() is sameas(main) }}")
    context = {"thread": threading.current_thread, "main": threading.main_thread()}
    assert (await render(Jinja2Template(tmp_path), context=context)).text == "False"


async def test_an_async_template_is_rendered_on_the_loop_and_may_await(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ thread() is sameas(main) }} {{ wait() }}{% for n in numbers() %}{{ n }}{% endfor %}")

    async def wait() -> str:
        await anyio.sleep(1)
        return "waited "

    async def numbers() -> AsyncGenerator[int]:
        for number in range(3):
            await anyio.sleep(1)
            yield number

    context = {
        "thread": threading.current_thread,
        "main": threading.main_thread(),
        "wait": wait,
        "numbers": numbers,
    }
    assert (await render(Jinja2Template(tmp_path, enable_async=True), context=context)).text == "True waited 012"


SOURCES = {
    "home": "{% extends 'base.html' %}{% import 'macros.html' as m %}{% block body %}{{ m.hi() }}{% endblock %}",
    "base": "<main>{% block body %}{% endblock %}</main>{% include ['none.html', 'part.html'] %}",
    "macros": "{% macro hi() %}hi{% endmacro %}",
    "part": "{% include 'none.html' ignore missing %}part",
}


@pytest.mark.parametrize("auto_reload", [True, False])
async def test_no_file_is_looked_at_on_the_loop(
    tmp_path: FilePath, write: Write, auto_reload: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(**SOURCES)
    touched: list[threading.Thread] = []

    def spying(function: Any) -> Any:
        def spy(*args: Any, **kwargs: Any) -> Any:
            touched.append(threading.current_thread())
            return function(*args, **kwargs)

        return spy

    monkeypatch.setattr("os.path.getmtime", spying(os.path.getmtime))
    monkeypatch.setattr("os.path.isfile", spying(os.path.isfile))
    templates = Jinja2Template(tmp_path, enable_async=True, auto_reload=auto_reload)
    answers = []
    counts = []
    for _ in range(3):
        answers.append((await render(templates)).text)
        counts.append(len(touched))
    assert answers == ["<main>hi</main>part"] * 3
    assert counts[0] > 0
    assert threading.main_thread() not in touched
    # Where changes are not looked for, nothing is touched once it is loaded.
    assert (counts[2] == counts[0]) is not auto_reload


async def test_a_name_that_only_rendering_finds_out_is_loaded_then(tmp_path: FilePath, write: Write) -> None:
    write(home="{% include name %}", part="part")
    templates = Jinja2Template(tmp_path, enable_async=True)
    assert (await render(templates, context={"name": "part.html"})).text == "part"


async def test_what_is_kept_at_hand_is_bounded(tmp_path: FilePath) -> None:
    sources = {f"{number}.html": str(number) for number in range(READY + 1)}
    env = jinja2.Environment(loader=jinja2.DictLoader(sources), enable_async=True, auto_reload=False)
    templates = Jinja2Template(env=env)
    kept = [await templates.ready(name) for name in sources]
    assert await templates.ready(f"{READY}.html") is kept[READY]
    assert len(templates._ready) == 1


# -- generators left open ----------------------------------------------------------------------------------------------


class Stop(Exception):
    """Raised in the middle of a page."""


@pytest.mark.parametrize("way", ["raises", "is cancelled", "comes to its end", "never begins"])
async def test_an_async_generator_of_the_context_is_closed_however_the_page_ends(
    tmp_path: FilePath, write: Write, way: str
) -> None:
    write(home="{% for n in numbers %}{{ n }}{{ step() }}{% endfor %}" if way != "never begins" else "x")
    log: list[str] = []

    async def count() -> AsyncGenerator[int]:
        try:
            yield 1
            yield 2
        finally:
            await anyio.sleep(1)
            log.append("closed")

    async def step() -> str:
        if way == "raises":
            raise Stop
        await anyio.sleep(2)
        return ""

    templates = Jinja2Template(tmp_path, enable_async=True)
    response = templates.get_template_response(Request(http_scope()), "home.html", {"numbers": count(), "step": step})
    with anyio.move_on_after(1 if way == "is cancelled" else 60):
        if way == "raises":
            with pytest.raises(Stop):
                _ = await response
        else:
            _ = await response
    assert log == ([] if way == "never begins" else ["closed"])


# -- what is not found, what is refused --------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("missing", ["none.html", "includes.html", "extends.html"])
async def test_a_template_that_is_not_found_is_named(
    tmp_path: FilePath, write: Write, is_async: bool, missing: str
) -> None:
    write(includes="{% include 'none.html' %}", extends="{% extends 'none.html' %}")
    templates = Jinja2Template(tmp_path, enable_async=is_async)
    with pytest.raises(TemplateNotFound) as error:
        _ = await templates.get_template_response(Request(http_scope()), missing)
    assert (error.value.name, error.value.detail) == ("none.html", "Template none.html not found.")
    assert isinstance(error.value.__cause__, jinja2.TemplateNotFound)


def test_a_template_is_had_by_its_name(tmp_path: FilePath, write: Write) -> None:
    write(home="{{ a }}")
    templates = Jinja2Template(directory=str(tmp_path))
    assert templates.get_template("home.html").render(a=1) == "1"
    with pytest.raises(TemplateNotFound, match=r"Template none\.html not found"):
        templates.get_template("none.html")


@pytest.mark.parametrize("method", ["render", "generate", "stream"])
def test_the_sync_methods_of_an_async_template_are_refused(tmp_path: FilePath, write: Write, method: str) -> None:
    write(home="x")
    template = Jinja2Template(tmp_path, enable_async=True).get_template("home.html")
    with pytest.raises(RuntimeError, match=r"'home.html' is of an async environment: await template.render_async"):
        getattr(template, method)()


@pytest.mark.parametrize("arguments", [{}, {"directory": "x", "env": object()}])
def test_it_takes_a_directory_or_an_environment(arguments: Any) -> None:
    with pytest.raises(AssertionError) as error:
        Jinja2Template(**arguments)
    assert str(error.value) == "either 'env' or 'directory' arguments must be passed but not both."


def test_options_of_an_environment_that_is_made_already_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="trim_blocks are options of an environment that is made here"):
        Jinja2Template(env=jinja2.Environment(), trim_blocks=True)


async def test_the_request_comes_first(tmp_path: FilePath, write: Write) -> None:
    write(home="x")
    with pytest.raises(AssertionError, match=r"the first argument is the request, not 'home\.html'"):
        _ = Jinja2Template(tmp_path).get_template_response("home.html", "home.html")  # type: ignore[arg-type]


def test_without_jinja_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: FilePath) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependency, match=r"pip install jinja2"):
        Jinja2Template(tmp_path)


async def test_the_response_knows_its_template_and_its_context(tmp_path: FilePath, write: Write) -> None:
    write(home="x")
    request = Request(http_scope())
    response = Jinja2Template(tmp_path).get_template_response(request, "home.html", {"a": 1})
    assert (response.template.name, response.context) == ("home.html", {"request": request, "a": 1})
    assert repr(response.template) == "<template 'home.html'>"


def test_it_goes_by_two_names() -> None:
    assert Jinja2Templates is Jinja2Template
