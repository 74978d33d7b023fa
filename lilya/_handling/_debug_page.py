"""A report for browsers: one page that needs nothing else, neither a script nor another file.

What was raised comes first, then where: the most recent call on top, the application's own frames open, those of
libraries folded. Everything that is not markup of ours is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import count, groupby
from typing import Final

from lilya._asgi.statistics import Statistics
from lilya._handling._debug_report import Pairs, Report
from lilya._handling._debug_style import STYLE
from lilya._handling._debug_text import visible, write_text
from lilya._handling._debug_trace import Frame, Line, Trace
from lilya._handling._debug_values import cut

__all__ = ["write_page"]

OPEN_FRAMES: Final = 6  # of one exception: what a person reads before searching
ROWS: Final = 50  # of a table of what is going on
TEXT: Final = 100_000  # characters of the plain text


def write_page(report: Report) -> str:
    """The whole page."""
    asked, trace = report.asked, report.trace
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">',
            f"<title>{_t(_title(trace))} · {_t(asked.method)} {_t(asked.target)}</title>",
            f"<style>{STYLE}</style></head><body>",
            "<header>",
            f'<p class="asked"><b>{_t(asked.method)}</b> <span>{_t(asked.target)}</span> <em>500</em></p>',
            f"<h1>{_t(trace.kind)}</h1>{_said(trace)}{_where(trace)}",
            "</header><main>",
            *_overview(trace),
            *_exception(trace, count(1)),
            *_request(report),
            *_going_on(report.statistics),
            '<section><h2>As text</h2><details class="text"><summary>The traceback, to be copied</summary>',
            f"<pre>{_t(cut(write_text(report), TEXT))}</pre></details></section>",
            f"</main><footer>{_t(report.about)} · {_t(report.when)}<br>",
            "You see this because the application runs with <code>debug=True</code>: never where others can reach it.",
            "</footer></body></html>\n",
        ]
    )


def _t(text: str) -> str:
    return escape(visible(text))


def _title(trace: Trace) -> str:
    first = trace.message.partition("\n")[0]
    return f"{trace.kind}: {first[:100]}".removesuffix(": ")


# -- exceptions -------------------------------------------------------------------------------------------------------


def _said(trace: Trace) -> str:
    notes = "".join(f'<p class="note">{_t(note)}</p>' for note in trace.notes)
    return (f'<p class="message">{_t(trace.message)}</p>' if trace.message else "") + notes


def _where(trace: Trace) -> str:
    """The last line of the application's own on the way: most often the one to look at."""
    own = [frame for frame in trace.frames if not frame.library] or list(trace.frames)
    if not own:
        return ""
    frame = own[-1]
    return f'<p class="where">in <b>{_t(frame.name)}</b>, <code>{_t(frame.place)}:{frame.line}</code></p>'


def _overview(trace: Trace) -> Iterator[str]:
    """All exceptions as a tree of links, where there is more than one."""
    if trace.parts or trace.origin is not None:
        yield '<nav><ul class="tree">'
        yield from _branch(trace, "", count(1))
        yield "</ul></nav>"


def _branch(trace: Trace, relation: str, numbers: Iterator[int]) -> Iterator[str]:
    first = _t(trace.message.partition("\n")[0])
    yield f'<li>{relation}<a href="#e{next(numbers)}"><b>{_t(trace.kind)}</b> {first}</a>'
    if trace.parts or trace.origin is not None:
        yield "<ul>"
        for part in trace.parts:
            yield from _branch(part, "", numbers)
        if trace.more_parts:
            yield f"<li>and {trace.more_parts:,} more</li>"
        if trace.origin is not None:
            relation = "raised from " if trace.is_cause else "raised while handling "
            yield from _branch(trace.origin, f"<i>{relation}</i>", numbers)
        yield "</ul>"
    yield "</li>"


def _exception(trace: Trace, numbers: Iterator[int], title: str = "") -> Iterator[str]:
    """An exception: its frames, then those it is made of, then the one it came from, numbered as in the overview."""
    yield f'<section class="exception" id="e{next(numbers)}">'
    if title:
        yield f'<p class="relation">{title}</p><h2 class="kind">{_t(trace.kind)}</h2>{_said(trace)}'
    if trace.frames:
        yield '<p class="order">Most recent call first</p>'
    yield from _frames(trace.frames)
    if trace.parts or trace.more_parts:
        yield '<div class="parts">'
        for number, part in enumerate(trace.parts, 1):
            yield from _exception(part, numbers, f"{number} of {len(trace.parts) + trace.more_parts:,}")
        if trace.more_parts:
            yield f'<p class="gap">{trace.more_parts:,} more exceptions of this group are left out.</p>'
        yield "</div>"
    yield "</section>"
    relation = "It was raised from" if trace.is_cause else "It was raised while handling"
    if trace.origin is not None:
        yield from _exception(trace.origin, numbers, relation)
    elif trace.origin_left_out:
        yield f'<p class="gap">{relation} another one, which is left out.</p>'


# -- frames -----------------------------------------------------------------------------------------------------------


def _frames(frames: tuple[Frame, ...]) -> Iterator[str]:
    """The innermost by itself; of the others those of libraries that stand together are folded."""
    if not frames:
        return
    has_own = any(not frame.library for frame in frames)
    left = OPEN_FRAMES
    if frames[-1].library:
        yield from _frame(frames[-1], is_open=not has_own)
        frames = frames[:-1]
    for is_library, group in groupby(reversed(frames), key=lambda frame: bool(frame.library)):
        together = list(group)
        if is_library:
            yield from _fold(together)
        else:
            for frame in together:
                yield from _frame(frame, is_open=left > 0)
                left -= 1


def _fold(frames: list[Frame]) -> Iterator[str]:
    libraries = ", ".join(dict.fromkeys(frame.library for frame in frames))
    together = sum(1 + frame.repeated + frame.left_out for frame in frames)
    yield f'<details class="fold"><summary>{_many(together, "frame")} in {_t(libraries)}</summary>'
    for frame in frames:
        yield from _frame(frame, is_open=False)
    yield "</details>"


def _frame(frame: Frame, is_open: bool) -> Iterator[str]:
    kind = "library" if frame.library else "own"
    times = f" <i>&times; {frame.repeated + 1:,}</i>" if frame.repeated else ""
    yield f'<details class="frame {kind}"{" open" if is_open else ""}><summary><b>{_t(frame.name)}</b>{times}'
    yield f' <code title="{_t(frame.file)}">{_t(frame.place)}:{frame.line}</code></summary>'
    if frame.lines:
        indent = min((len(line.text) - len(line.text.lstrip()) for line in frame.lines if line.text.strip()), default=0)
        source = (_line(line, line.number == frame.line, indent) for line in frame.lines)
        yield f'<pre class="source">{"".join(source)}</pre>'
    else:
        yield '<p class="nothing">Its source is not at hand.</p>'
    yield from _variables(frame)
    yield "</details>"
    if frame.left_out:
        yield f'<p class="gap">{frame.left_out:,} frames are left out here.</p>'


def _line(line: Line, failed: bool, indent: int) -> str:
    text = _t(line.text[indent:])
    if line.mark is not None:
        start, end = line.mark
        text = f"{_t(line.text[indent:start])}<mark>{_t(line.text[start:end])}</mark>{_t(line.text[end:])}"
    return f'<span class="{"line failed" if failed else "line"}"><i>{line.number}</i>{text}\n</span>'


def _variables(frame: Frame) -> Iterator[str]:
    if frame.variables:
        all_of_them = _many(len(frame.variables) + frame.more_variables, "variable")
        yield f'<details class="variables"><summary>{all_of_them}</summary>'
        yield _table(frame.variables)
        yield (f'<p class="gap">{frame.more_variables} more</p>' if frame.more_variables else "") + "</details>"


# -- what was asked, and what else is going on ------------------------------------------------------------------------


def _request(report: Report) -> Iterator[str]:
    asked = report.asked
    facts = (
        ("Request", f"{asked.method} {asked.url} {asked.version}"),
        ("Client", asked.client),
        ("Route", asked.route),
        ("Handler", asked.handler),
    )
    yield f"<section><h2>Request</h2>{_table([fact for fact in facts if fact[1]], 'facts')}"
    parts: tuple[tuple[str, Pairs], ...] = (
        ("Path parameters", asked.path_params),
        ("Query", asked.query),
    )
    for title, pairs in parts:
        if pairs:
            yield f"<h3>{title}</h3>{_table(pairs)}"
    if asked.headers:
        yield f'<details class="headers"><summary>{_many(len(asked.headers), "header")}</summary>'
        yield f"{_table(asked.headers)}</details>"
    yield "</section>"


def _going_on(statistics: Statistics | None) -> Iterator[str]:
    if statistics is None:
        return
    threads, failed = _many(statistics.threads, "busy thread"), _many(statistics.failed_tasks, "failed task")
    draining = " The application is shutting down." if statistics.draining else ""
    yield f'<section><h2>What else is going on</h2><p class="gap">{threads}, {failed} since the start.{draining}</p>'
    yield _grid(
        "Connections",
        ("", "route", "for", "is"),
        [(each.method or each.kind, each.route, _age(each.age), each.state) for each in statistics.exchanges],
    )
    yield _grid("Tasks", ("name", "for"), [(each.name, _age(each.age)) for each in statistics.tasks])
    yield _grid(
        "Services",
        ("name", "is", "for", "restarts", "last error"),
        [
            (each.name, each.state, _age(each.since), str(each.restarts), each.last_error or "")
            for each in statistics.services
        ],
    )
    yield "</section>"


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _age(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _table(pairs: Iterable[tuple[str, str]], kind: str = "pairs") -> str:
    rows = "".join(f"<tr><th>{_t(name)}</th><td>{_t(value)}</td></tr>" for name, value in pairs)
    return f'<table class="{kind}">{rows}</table>'


def _grid(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{_t(cell)}</td>" for cell in row) + "</tr>" for row in rows[:ROWS])
    more = f'<p class="gap">{len(rows) - ROWS:,} more</p>' if len(rows) > ROWS else ""
    return f'<h3>{title}</h3><table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}'
