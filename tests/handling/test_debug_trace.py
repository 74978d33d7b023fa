"""An exception as data: its frames with their source, what it came from, what it is made of, all of it bounded."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lilya._handling import _debug_trace
from lilya._handling._debug_trace import FRAMES, INNER_FRAMES, OUTER_FRAMES, Frame, Trace, Tracer, whereabouts
from lilya._handling._debug_values import Values


def caught(function: Callable[..., object], *args: object) -> BaseException:
    try:
        function(*args)
    except BaseException as exc:
        return exc
    raise AssertionError("nothing was raised")


def trace_of(function: Callable[..., object], *args: object) -> Trace:
    return Tracer(Values()).trace(caught(function, *args))


def failing(value: int) -> float:
    twice = value * 2
    return 1 / (value - value) + twice


def failing_line(frame: Frame) -> str:
    (line,) = [line for line in frame.lines if line.number == frame.line]
    return line.text


def function_in(folder: Path, source: str) -> Callable[..., object]:
    """The function `f` of a module of that source."""
    path = folder / "module.py"
    path.write_text(source, encoding="utf-8")
    names: dict[str, Any] = {}
    exec(compile(source, str(path), "exec"), names)
    function: Callable[..., object] = names["f"]
    return function


# -- frames -----------------------------------------------------------------------------------------------------------


def test_a_frame_shows_where_it_is_and_what_failed_there() -> None:
    outer, inner = trace_of(failing, 3).frames
    assert (outer.name, inner.name) == ("caught", "failing")
    assert inner.file == __file__
    assert inner.library == ""
    assert failing_line(inner) == "    return 1 / (value - value) + twice"
    (mark,) = [line.mark for line in inner.lines if line.mark]
    assert mark is not None
    assert failing_line(inner)[slice(*mark)] == "1 / (value - value)"
    assert inner.variables == (("value", "3"), ("twice", "6"))


def test_the_source_of_a_frame_is_that_of_its_function_alone() -> None:
    frame = trace_of(failing, 3).frames[-1]
    assert [line.text for line in frame.lines] == [
        "def failing(value: int) -> float:",
        "    twice = value * 2",
        "    return 1 / (value - value) + twice",
    ]


def test_a_method_says_its_class() -> None:
    class Shop:
        def total(self) -> float:
            return failing(1)

    assert trace_of(Shop().total).frames[1].name.endswith("Shop.total")


def test_an_expression_over_several_lines_is_marked_to_the_end_of_the_first() -> None:
    def several() -> object:
        return failing(
            1,
        )

    frame = trace_of(several).frames[1]
    assert frame.lines[1].mark == (15, len("        return failing("))


def test_a_mark_counts_characters_and_not_bytes() -> None:
    def umlauts() -> object:
        größe = {"ü": 1}
        return "äöü", größe["ß"]

    frame = trace_of(umlauts).frames[1]
    text, mark = failing_line(frame), frame.lines[2].mark
    assert mark is not None
    assert text[slice(*mark)] == 'größe["ß"]'


def test_no_mark_is_made_where_it_would_say_nothing_or_where_nobody_knows() -> None:
    def whole() -> None:
        raise ValueError

    assert [line.mark for line in trace_of(whole).frames[1].lines] == [None, None]


def test_no_mark_is_made_behind_a_tab(tmp_path: Path) -> None:
    frame = trace_of(function_in(tmp_path, "def f():\n\tif True:\n\t\treturn 1 + (1 / 0)\n")).frames[1]
    assert failing_line(frame) == "        return 1 + (1 / 0)"
    assert not any(line.mark for line in frame.lines)


def test_a_long_line_is_cut_and_nothing_is_marked_behind_the_cut(tmp_path: Path) -> None:
    frame = trace_of(function_in(tmp_path, f"def f():\n    return '{'x' * 1000}' + (1 / 0)")).frames[1]
    assert failing_line(frame).endswith(" characters)")
    assert len(failing_line(frame)) < 300
    assert not any(line.mark for line in frame.lines)


def test_a_source_that_cannot_be_read_is_left_out() -> None:
    names: dict[str, Any] = {}
    exec("def f():\n    1 / 0", names)
    frame = trace_of(names["f"]).frames[1]
    assert (frame.place, frame.lines) == ("<string>", ())


def test_a_module_that_was_loaded_by_a_loader_shows_its_source() -> None:
    source = "def f():\n    1 / 0  # from the loader"
    names: dict[str, Any] = {"__name__": "loaded", "__loader__": Loader(source)}
    exec(compile(source, "nowhere/loaded.py", "exec"), names)
    assert failing_line(trace_of(names["f"]).frames[1]) == "    1 / 0  # from the loader"


class Loader:
    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, name: str) -> str:
        return self.source


def test_the_variables_of_a_frame_are_bounded_and_those_of_python_left_out() -> None:
    names: dict[str, Any] = {}
    assignments = "".join(f"    v{number} = {number}\n" for number in range(50))
    exec(f"def f():\n    __hidden__ = 1\n{assignments}    1 / 0", names)
    frame = trace_of(names["f"]).frames[1]
    assert len(frame.variables) == 40
    assert frame.more_variables == 10
    assert frame.variables[0] == ("v0", "0")


def test_of_libraries_only_the_frame_that_raised_shows_its_variables() -> None:
    frames = trace_of(json.loads, "{").frames
    assert [frame.library for frame in frames] == ["", "json", "json", "json"]
    assert [bool(frame.variables) for frame in frames] == [True, False, False, True]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (json.__file__, ("json", os.path.join("json", "__init__.py"))),
        (os.__file__, ("os", "os.py")),
        ("/x/lib/python3/site-packages/shop/orders.py", ("shop", "shop/orders.py")),
        ("/usr/lib/python3/dist-packages/six.py", ("six", "six.py")),
        (_debug_trace.__file__, ("lilya", os.path.join("lilya", "_handling", "_debug_trace.py"))),
        ("<frozen importlib._bootstrap>", ("importlib", "<frozen importlib._bootstrap>")),
        ("<string>", ("", "<string>")),
        ("/elsewhere/app.py", ("", "/elsewhere/app.py")),
        (os.path.join(os.getcwd(), "shop", "app.py"), ("", os.path.join("shop", "app.py"))),
    ],
)
def test_what_is_a_library_is_known_by_its_folder(file: str, expected: tuple[str, str]) -> None:
    assert whereabouts(file) == expected


def test_a_folder_that_is_gone_hurts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert whereabouts("/elsewhere/app.py") == ("", "/elsewhere/app.py")


# -- bounds -----------------------------------------------------------------------------------------------------------


@contextmanager
def recursion_limit(limit: int) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def dive(depth: int) -> int:
    return dive(depth - 1) if depth else 1 // depth


def ping(depth: int) -> int:
    return pong(depth - 1) if depth else 1 // depth


def pong(depth: int) -> int:
    return ping(depth - 1) if depth else 1 // depth


def test_a_recursion_is_one_frame_that_says_how_often() -> None:
    with recursion_limit(12_000):
        trace = trace_of(dive, 10_000)
    assert [(frame.name, frame.repeated) for frame in trace.frames] == [("caught", 0), ("dive", 10_000)]


def test_a_recursion_of_several_functions_shows_its_two_ends_at_no_cost() -> None:
    with recursion_limit(12_000):
        exc = caught(ping, 9_999)
    began = time.perf_counter()
    frames = Tracer(Values()).trace(exc).frames
    assert time.perf_counter() - began < 2
    assert len(frames) == OUTER_FRAMES + INNER_FRAMES
    assert [frame.left_out for frame in frames if frame.left_out] == [10_001 - len(frames)]
    assert frames[OUTER_FRAMES].left_out
    assert frames[-1].variables == (("depth", "0"),)


def test_all_exceptions_of_a_page_share_one_bound_of_frames_and_each_has_one() -> None:
    def deep(number: int) -> object:
        return caught(ping, 100)

    group = ExceptionGroup("many", [error for number in range(15) if isinstance(error := deep(number), Exception)])
    parts = Tracer(Values()).trace(group).parts
    counts = [len(part.frames) for part in parts]
    assert counts[0] == OUTER_FRAMES + INNER_FRAMES
    assert counts[-1] == 1
    assert parts[-1].frames[0].left_out == 101
    assert FRAMES <= sum(counts) <= FRAMES + len(counts)


def test_a_large_group_shows_its_first_members_and_counts_the_others() -> None:
    group = ExceptionGroup("many", [ValueError(number) for number in range(10_000)])
    trace = Tracer(Values()).trace(group)
    assert [part.message for part in trace.parts] == [str(number) for number in range(20)]
    assert trace.more_parts == 9_980


def test_a_group_of_groups_ends() -> None:
    group: ExceptionGroup[Exception] = ExceptionGroup("0", [ValueError("leaf")])
    for number in range(1, 500):
        group = ExceptionGroup(str(number), [group])
    trace, depth = Tracer(Values()).trace(group), 1
    while trace.parts:
        (trace,), depth = trace.parts, depth + 1
    assert depth == 40
    assert trace.more_parts == 1


def test_a_chain_ends() -> None:
    error = ValueError(0)
    for number in range(1, 500):
        following = ValueError(number)
        following.__context__ = error
        error = following
    trace, length = Tracer(Values()).trace(error), 1
    while trace.origin is not None:
        trace, length = trace.origin, length + 1
    assert length == 40
    assert trace.origin_left_out


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first
    trace = Tracer(Values()).trace(first)
    assert trace.origin is not None
    assert trace.origin.origin is None
    assert trace.origin.origin_left_out


# -- what it says -----------------------------------------------------------------------------------------------------


class Odd(Exception):
    pass


def test_the_kind_is_the_class_with_its_module() -> None:
    kinds = [Tracer(Values()).trace(exc).kind for exc in (ValueError(), Odd(), json.JSONDecodeError("", "", 0))]
    assert kinds == ["ValueError", f"{__name__}.Odd", "json.decoder.JSONDecodeError"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 Python tells nobody but the terminal")
def test_a_message_says_what_python_thinks_was_meant() -> None:
    class Shop:
        currency = "EUR"

    def misspelt() -> object:
        return Shop().curency  # type: ignore[attr-defined]

    def unknown() -> object:
        return fialing  # type: ignore[name-defined]  # noqa: F821

    assert trace_of(misspelt).message.endswith("Did you mean: 'currency'?")
    assert trace_of(unknown).message == "name 'fialing' is not defined. Did you mean: 'failing'?"
    assert Tracer(Values()).trace(AttributeError()).message == ""


def test_a_message_that_cannot_be_made_is_shown_as_such() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert Tracer(Values()).trace(Broken()).message == "<its text cannot be shown: str() raises ZeroDivisionError>"


def test_messages_and_notes_are_bounded() -> None:
    error = ValueError("x" * 100_000)
    for number in range(100):
        error.add_note(f"{number} " + "y" * 100_000)
    trace = Tracer(Values()).trace(error)
    assert trace.message.endswith("(100,000 characters)")
    assert len(trace.notes) == 10
    assert sum(map(len, trace.notes)) < 25_000


def test_notes_that_are_none_are_left_out() -> None:
    error = ValueError()
    error.__notes__ = ["a note", 3]  # type: ignore[list-item]
    assert Tracer(Values()).trace(error).notes == ("a note",)
    error.__notes__ = 5  # type: ignore[assignment]
    assert Tracer(Values()).trace(error).notes == ()


@pytest.mark.parametrize(
    ("exc", "message"),
    [
        (ValueError(), ""),
        (ValueError("text"), "text"),
        (ValueError("text", 1), "('text', 1)"),
        (ValueError(Path("x")), "x"),
        (ValueError({"a": 1}), "{'a': 1}"),
        (KeyError("key"), "'key'"),
        (OSError(2, "gone"), "[Errno 2] gone"),
    ],
)
def test_a_message_is_the_text_of_the_exception(exc: Exception, message: str) -> None:
    assert str(exc) == message
    assert Tracer(Values()).trace(exc).message == message


def test_a_message_is_left_as_it_is_but_for_passwords_in_urls() -> None:
    trace = Tracer(Values()).trace(ValueError("unexpected token: x at postgres://ada:pw@host/"))
    assert trace.message == "unexpected token: x at postgres://ada:***********@host/"


def test_a_message_made_of_something_huge_is_not_made_whole() -> None:
    huge = "x" * 100_000_000
    for exc in (KeyError(huge), ValueError(huge), ValueError([huge]), ValueError(1, huge)):
        began = time.perf_counter()
        assert "100,000,000 characters" in Tracer(Values()).trace(exc).message
        assert time.perf_counter() - began < 1


def test_a_syntax_error_shows_its_place_as_its_last_frame(tmp_path: Path) -> None:
    path = tmp_path / "settings.py"
    path.write_text("a = 1\nb = = 2\n")
    trace = trace_of(compile, path.read_text(), str(path), "exec")
    assert (trace.frames[-1].place, trace.frames[-1].line) == (str(path), 2)
    assert [line.text for line in trace.frames[-1].lines] == ["a = 1", "b = = 2"]
    (line,) = trace_of(compile, "b = = 2", "<given>", "exec").frames[-1].lines
    assert line.text == "b = = 2"


# -- where it came from -----------------------------------------------------------------------------------------------


def test_an_exception_shows_what_it_was_raised_from_and_while_handling() -> None:
    def raised_from() -> None:
        try:
            failing(1)
        except ZeroDivisionError as exc:
            raise ValueError("cause") from exc

    def while_handling() -> None:
        try:
            failing(1)
        except ZeroDivisionError:
            raise ValueError("context")  # noqa: B904

    def alone() -> None:
        try:
            failing(1)
        except ZeroDivisionError:
            raise ValueError("alone") from None

    cause, context = trace_of(raised_from), trace_of(while_handling)
    assert cause.origin is not None
    assert (cause.origin.kind, cause.is_cause) == ("ZeroDivisionError", True)
    assert context.origin is not None
    assert (context.origin.kind, context.is_cause) == ("ZeroDivisionError", False)
    assert trace_of(alone).origin is None


def test_a_group_is_a_tree() -> None:
    inner = ExceptionGroup("inner", [KeyError("k"), TimeoutError("late")])
    trace = Tracer(Values()).trace(ExceptionGroup("outer", [ValueError("v"), inner]))
    assert trace.message == "outer (2 sub-exceptions)"
    assert [part.kind for part in trace.parts] == ["ValueError", "ExceptionGroup"]
    assert [part.message for part in trace.parts[1].parts] == ["'k'", "late"]
