"""A report for terminals: the traceback as Python writes it, then what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lilya._handling._debug_report import Report
from lilya._handling._debug_trace import Frame, Trace

__all__ = ["visible", "write_text"]

CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """`text` with its control characters spelled out: one of them could repaint a terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def write_text(report: Report) -> str:
    """The report as text, which ends with what matters: the exception, and the request."""
    asked = report.asked
    route = f" (route {asked.route})" if asked.route else ""
    lines = [*_trace(report.trace), "", f"{asked.method} {asked.target} {asked.version}{route}", ""]
    return visible("\n".join(lines))


def _trace(trace: Trace) -> Iterator[str]:
    if trace.origin is not None:
        yield from _trace(trace.origin)
        yield from ("", CAUSE if trace.is_cause else CONTEXT, "")
    elif trace.origin_left_out:
        yield from ("(more exceptions are left out)", "", CAUSE if trace.is_cause else CONTEXT, "")
    if trace.frames:
        yield "Traceback (most recent call last):"
    for frame in trace.frames:
        yield from _frame(frame)
    yield from f"{trace.kind}: {trace.message}".removesuffix(": ").split("\n")
    for note in trace.notes:
        yield from note.split("\n")
    for number, part in enumerate(trace.parts, 1):
        yield f"  +---------------- {number} ----------------"
        yield from (f"  | {line}" for line in _trace(part))
    if trace.more_parts:
        yield f"  +---------------- and {trace.more_parts} more"
    elif trace.parts:
        yield "  +-----------------------------------"


def _frame(frame: Frame) -> Iterator[str]:
    if frame.left_out:
        yield f"  [{frame.left_out:,} frames are left out]"
    yield f'  File "{frame.file}", line {frame.line}, in {frame.name}'
    for line in frame.lines:
        if line.number == frame.line:
            text = line.text.lstrip()
            yield f"    {text}"
            if line.mark is not None:
                start, end = line.mark
                yield "    " + " " * (start - (len(line.text) - len(text))) + "^" * (end - start)
    if frame.repeated:
        yield f"  [Previous line repeated {frame.repeated:,} more times]"
