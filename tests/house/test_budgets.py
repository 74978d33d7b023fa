"""How long things may be. These are signs to look, not ends: never split one idea in two to satisfy a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests.support.house import FunctionNode, House, functions, none, plant, real_house

HOUSE: Final = real_house()

FILE_LINES: Final = 500
MEAN_FILE_LINES: Final = 220
FUNCTION_LINES: Final = 80
PARAMETERS: Final = 7

# Public API whose parameters are what users write: a class stands for its constructor, `Class.method` for a method,
# a bare name for a function. Each with the reason.
MANY_PARAMETERS: Final[Mapping[str, str]] = {
    "Lilya": "an app is described by its keywords",
    "BaseLilya": "an app is described by its keywords",
    "ChildLilya": "an app is described by its keywords",
    "Path": "a route is described by its keywords",
    "WebSocketPath": "a route is described by its keywords",
    "Include": "a route is described by its keywords",
    "Host": "a route is described by its keywords",
    "Router": "a route is described by its keywords",
    "BaseRouter": "a route is described by its keywords",
    "Response": "public constructor of a response",
    "JSONResponse": "public constructor of a response",
    "serve": "how an app is served is said by its keywords",
    "Service": "a service is described by its keywords, besides the arguments of its function",
    "StreamingResponse": "public constructor of a response",
    "FileResponse": "public constructor of a response",
    "SimpleFileResponse": "public constructor of a response",
    "EventStreamResponse": "public constructor of a response",
    "TemplateResponse": "public constructor of a response",
    "CORSMiddleware": "one keyword for each header it may send",
    "SecurityMiddleware": "one keyword for each header it may send",
    "CSRFMiddleware": "one keyword for each attribute of its cookie",
    "SessionMiddleware": "one keyword for each attribute of its cookie",
    "set_cookie": "one keyword for each attribute of a cookie (RFC 6265)",
    "Cookie": "one keyword for each attribute of a cookie (RFC 6265)",
    "add_route": "mirrors Path",
    "add_websocket_route": "mirrors WebSocketPath",
    "include": "mirrors Include",
    "host": "mirrors Host",
    "TestClient": "mirrors httpx.Client",
    "AsyncTestClient": "mirrors httpx.AsyncClient",
    "openapi": "one keyword for each field of an Operation Object",
    "create_client": "mirrors Lilya and TestClient",
    "create_async_client": "mirrors Lilya and AsyncTestClient",
}


def long_files(house: House) -> list[str]:
    return [
        f"{module.name} has {length} lines, more than {FILE_LINES}"
        for module in house
        if (length := len(module.source.splitlines())) > FILE_LINES
    ]


def mean_file_length(house: House) -> float:
    lengths = [len(module.source.splitlines()) for module in house if not module.is_package]
    return sum(lengths) / max(1, len(lengths))


def long_functions(house: House) -> list[str]:
    return [
        f"{module.at(node)} {name} has {length} lines, more than {FUNCTION_LINES}"
        for module in house
        for name, node in functions(module)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES and not _is_granted(name)
    ]


def many_parameters(house: House) -> list[str]:
    return [
        f"{module.at(node)} {name} has {count} parameters, more than {PARAMETERS}"
        for module in house
        for name, node in functions(module)
        if (count := _parameters(node)) > PARAMETERS and not _is_granted(name)
    ]


def _is_granted(qualified: str) -> bool:
    parts = qualified.removesuffix(".__init__").split(".")
    return parts[-1] in MANY_PARAMETERS or qualified in MANY_PARAMETERS


def _parameters(node: FunctionNode) -> int:
    """Those a caller may give; `self` and `cls` are not."""
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    extra = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return len([each for each in named if each.arg not in {"self", "cls"}]) + len(extra)


def test_files_are_short() -> None:
    none(long_files(HOUSE))


def test_files_are_short_in_the_mean() -> None:
    assert mean_file_length(HOUSE) <= MEAN_FILE_LINES


def test_functions_are_short() -> None:
    none(long_functions(HOUSE))


def test_functions_take_few_parameters() -> None:
    none(many_parameters(HOUSE))


def test_a_long_file_is_noticed() -> None:
    assert not long_files(plant({"lilya.types": "x = 1\n" * FILE_LINES}))
    assert len(long_files(plant({"lilya.types": "x = 1\n" * (FILE_LINES + 1)}))) == 1


def test_the_mean_is_of_modules_and_not_of_faces() -> None:
    assert mean_file_length(plant({"lilya.a": "x = 1\n" * 10, "lilya.b": "x = 1\n" * 20, "lilya.c.__init__": ""})) == 15


@pytest.mark.parametrize("head", ["def f():\n", "class A:\n  async def f(self):\n"])
def test_a_long_function_is_noticed(head: str) -> None:
    body = "    x = 1\n"
    assert not long_functions(plant({"lilya.types": head + body * (FUNCTION_LINES - 1)}))
    assert len(long_functions(plant({"lilya.types": head + body * FUNCTION_LINES}))) == 1


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(a, b, c, d, e, g, h): ...", 0),
        ("def f(a, /, b, c, d, e, *, g, h, i): ...", 1),
        ("def f(a, b, c, d, e, g, *args, **kwargs): ...", 1),
        ("class A:\n    def f(self, a, b, c, d, e, g, h): ...", 0),
        ("class A:\n    def f(self, a, b, c, d, e, g, h, i): ...", 1),
        ("class Path:\n    def __init__(self, a, b, c, d, e, g, h, i): ...", 0),
        ("class Path:\n    def match(self, a, b, c, d, e, g, h, i): ...", 1),
        ("class A:\n    def add_route(self, a, b, c, d, e, g, h, i): ...", 0),
    ],
)
def test_many_parameters_are_noticed(source: str, found: int) -> None:
    assert len(many_parameters(plant({"lilya.types": source}))) == found


def test_every_exception_to_the_budget_has_a_reason() -> None:
    assert all(reason.strip() for reason in MANY_PARAMETERS.values())
