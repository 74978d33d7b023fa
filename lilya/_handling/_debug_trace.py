"""An exception as data: where it came from, line by line, and what it is made of.

Everything is bounded: the exceptions of a group or a chain, the frames of a recursion, the lines and the values of a
frame. What is left out is counted. Files are read here, so it runs in a worker thread.
"""

from __future__ import annotations

import linecache
import os
import re
import sysconfig
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from traceback import TracebackException
from types import CodeType, FrameType, TracebackType
from typing import Any, Final

from lilya._handling._debug_values import Values, cut, shown, without_passwords

__all__ = ["Frame", "Line", "Trace", "Tracer", "frames_of"]

EXCEPTIONS: Final = 40  # of a page, in groups and chains
SIBLINGS: Final = 20  # of one group
OUTER_FRAMES: Final = 15  # of one exception: where it began
INNER_FRAMES: Final = 35  # and where it ended
FRAMES: Final = 250  # of a page
VARIABLES: Final = 40  # of one frame
MESSAGE: Final = 2000  # characters of a message, or of a note
NOTES: Final = 10  # of one exception
LINE: Final = 240  # characters of a line of source
AROUND: Final = 5  # lines shown before and behind the one that failed, within its function

_PACKAGES = re.compile(r".*[/\\](?:site|dist)-packages[/\\]")
_STANDARD: Final = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
# The package this module is part of, installed or not.
_OWN_PACKAGE: Final = os.path.join(Path(__file__).parents[1], "")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of source. `mark`: from which to which character the failing expression stands in it."""

    number: int
    text: str
    mark: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A call on the way to the exception.

    `library`: the package it is in, "" where it is the application's own code. `place`: the file as a person calls it.
    `lines`: some source, that of `line` among it. `repeated`: how many more times it followed itself. `left_out`: how
    many frames before this one, nearer to the caller, are not shown.
    """

    file: str
    place: str
    line: int
    name: str
    library: str
    lines: tuple[Line, ...]
    variables: tuple[tuple[str, str], ...]
    more_variables: int
    repeated: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Trace:
    """An exception.

    `frames` begin where it was caught and end where it was raised. `parts` are the exceptions of a group. `origin` is
    the exception it was raised from (`is_cause`) or while handling.
    """

    kind: str
    message: str
    notes: tuple[str, ...]
    frames: tuple[Frame, ...]
    parts: tuple[Trace, ...]
    more_parts: int
    origin: Trace | None
    is_cause: bool
    origin_left_out: bool


class Tracer:
    """Makes the traces of one page, within one bound for all of them."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._exceptions = EXCEPTIONS
        self._frames = FRAMES
        self._seen: set[int] = set()

    def trace(self, exc: BaseException) -> Trace:
        """`exc`, what it was raised from, and, of a group, what is in it."""
        self._exceptions -= 1
        self._seen.add(id(exc))
        frames = tuple(reversed(list(self._frames_of(exc))))  # the last one first: the bounds leave out the others
        parts: list[Trace] = []
        members = exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()
        for member in members[:SIBLINGS]:
            if not self._may_follow(member):
                break
            parts.append(self.trace(member))
        is_cause = exc.__cause__ is not None
        origin = exc.__cause__ if is_cause or exc.__suppress_context__ else exc.__context__
        may_follow = origin is not None and self._may_follow(origin)
        return Trace(
            kind=_kind(type(exc)),
            message=_message(exc),
            notes=_notes(exc),
            frames=frames,
            parts=tuple(parts),
            more_parts=len(members) - len(parts),
            origin=self.trace(origin) if origin is not None and may_follow else None,
            is_cause=is_cause,
            origin_left_out=origin is not None and not may_follow,
        )

    def _may_follow(self, exc: BaseException) -> bool:
        return self._exceptions > 0 and id(exc) not in self._seen

    def _frames_of(self, exc: BaseException) -> Iterator[Frame]:
        """From the innermost, of which there is always one, outward."""
        if isinstance(exc, SyntaxError) and exc.filename and exc.lineno:
            yield _not_python(exc.filename, exc.lineno, exc.text or "")
        inner = max(1, min(self._frames, INNER_FRAMES))
        outer = max(0, min(self._frames - inner, OUTER_FRAMES))
        began, ended, left_out = _runs(exc.__traceback__, outer, inner)
        runs = [*began, *ended]
        self._frames -= len(runs)
        for index in reversed(range(len(runs))):
            innermost = index == len(runs) - 1
            yield self._frame(runs[index], left_out if index == len(began) else 0, innermost)

    def _frame(self, run: _Run, left_out: int, innermost: bool) -> Frame:
        frame, code = run.frame, run.frame.f_code
        library, place = whereabouts(code.co_filename)
        names = [name for name in frame.f_locals if not name.startswith("__")] if innermost or not library else []
        variables = [(name, self._values.show(name, frame.f_locals.get(name))) for name in names[:VARIABLES]]
        return Frame(
            file=code.co_filename,
            place=place,
            line=run.line,
            name=code.co_qualname,
            library=library,
            lines=_lines(code.co_filename, run.line, frame.f_globals, _span(code, run), _extent(code)),
            variables=tuple(variables),
            more_variables=len(names) - len(variables),
            repeated=run.count - 1,
            left_out=left_out,
        )


def _not_python(file: str, line: int, text: str) -> Frame:
    """The place of a syntax error, as if it were called."""
    library, place = whereabouts(file)
    lines = _lines(file, line, {}, None, (1, line)) or (Line(line, cut(text.rstrip(), LINE)),)
    return Frame(file, place, line, "<not Python>", library, lines, (), 0, 0, 0)


@dataclass(slots=True)
class _Run:
    """A frame, and how many of the same stand one behind the other."""

    frame: FrameType
    line: int
    instruction: int
    count: int = 1


def _runs(tb: TracebackType | None, outermost: int, innermost: int) -> tuple[list[_Run], list[_Run], int]:
    """The first runs of a traceback, the last ones, and how many frames are left out between them."""
    began: list[_Run] = []
    ended: deque[_Run] = deque(maxlen=innermost)
    last: _Run | None = None
    left_out = 0
    while tb is not None:
        line = tb.tb_lineno or 0
        if last is not None and last.frame.f_code is tb.tb_frame.f_code and last.line == line:
            last.count += 1
            last.frame = tb.tb_frame
        else:
            last = _Run(tb.tb_frame, line, tb.tb_lasti)
            if len(began) < outermost:
                began.append(last)
            else:
                if len(ended) == innermost:
                    left_out += ended[0].count
                ended.append(last)
        tb = tb.tb_next
    return began, list(ended), left_out


def frames_of(exc: BaseException) -> Iterator[FrameType]:
    """The frames of a traceback, from where it was raised outward; of a recursion the two ends."""
    began, ended, _ = _runs(exc.__traceback__, OUTER_FRAMES, INNER_FRAMES)
    return (run.frame for run in [*reversed(ended), *reversed(began)])


def whereabouts(file: str) -> tuple[str, str]:
    """The library a file belongs to ("" if to none), and a short name for it."""
    if file.startswith("<frozen "):
        return file[8:-1].partition(".")[0], file
    if installed := _PACKAGES.match(file):
        place = file[installed.end() :]
        return re.split(r"[/\\.]", place)[0], place
    if file.startswith(_OWN_PACKAGE):
        return "lilya", os.path.join("lilya", file[len(_OWN_PACKAGE) :])
    for folder in _STANDARD:
        if file.startswith(folder):
            place = file[len(folder) :]
            return place.partition(os.sep)[0].removesuffix(".py"), place
    try:
        return "", file.removeprefix(os.path.join(os.getcwd(), ""))
    except OSError:  # somebody removed it
        return "", file


def _span(code: CodeType, run: _Run) -> tuple[int, int, int] | None:
    """The expression that failed: from and up to which byte of which line; None where nobody knows."""
    if run.instruction < 0:
        return None
    line, last, start, end = next(islice(code.co_positions(), run.instruction // 2, None), (None,) * 4)
    return None if line != run.line or last is None or start is None or end is None else (start, end, last)


def _extent(code: CodeType) -> tuple[int, int]:
    """The first and the last line of a function."""
    return code.co_firstlineno, max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)


def _lines(
    file: str,
    line: int,
    module: dict[str, Any],
    span: tuple[int, int, int] | None,
    extent: tuple[int, int],
) -> tuple[Line, ...]:
    """The lines of a function around `line`, with `span` marked."""
    linecache.checkcache(file)
    source = linecache.getlines(file, module)
    if not 0 < line <= len(source):
        return ()
    first, last = min(line, max(1, extent[0], line - AROUND)), max(line, min(len(source), extent[1], line + AROUND))
    found = []
    for number in range(first, last + 1):
        text = source[number - 1].rstrip("\r\n")
        mark = _mark(text, line, span) if number == line and span is not None else None
        found.append(Line(number, cut(text, LINE).expandtabs(4), mark))
    return tuple(found)


def _mark(text: str, line: int, span: tuple[int, int, int]) -> tuple[int, int] | None:
    """A span in characters; None where it says no more than that it is this line, or goes beyond what is shown."""
    start, end, last = span
    raw = text.encode("utf-8", "replace")
    start = len(raw[:start].decode("utf-8", "replace"))
    end = len(raw[:end].decode("utf-8", "replace")) if last == line else len(text.rstrip())
    if text[start:end].strip() == text.strip() or end > LINE or "\t" in text[:end]:
        return None
    return start, end


def _kind(kind: type[BaseException]) -> str:
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(exc: BaseException) -> str:
    """What it says; from Python 3.12 on with what that thinks was meant.

    It is there to be read: besides passwords in URLs nothing in it is masked.
    """
    try:
        message = shown(exc.args[0] if len(exc.args) == 1 else exc.args) if _is_repr(exc) else str(exc)
        if len(message) < MESSAGE and isinstance(exc, NameError | AttributeError | ImportError):
            said = TracebackException(type(exc), exc, exc.__traceback__, limit=0, compact=True)
            meant = next(iter(said.format_exception_only())).rstrip().partition(": ")[2]
            message = meant if meant.startswith(message) else message
    except Exception as failure:
        return f"<its text cannot be shown: str() raises {type(failure).__name__}>"
    return without_passwords(cut(message, MESSAGE))


def _is_repr(exc: BaseException) -> bool:
    """Whether its text is the `repr` of what it was given, which may be huge."""
    if len(exc.args) == 1:
        return type(exc).__str__ is KeyError.__str__ or isinstance(exc.args[0], bytes | dict | list | set | tuple)
    return len(exc.args) > 1 and type(exc).__str__ is BaseException.__str__


def _notes(exc: BaseException) -> tuple[str, ...]:
    try:
        notes = list(getattr(exc, "__notes__", ()))[:NOTES]
    except Exception:  # whatever it has there, it is no list
        return ()
    return tuple(cut(note, MESSAGE) for note in notes if isinstance(note, str))
