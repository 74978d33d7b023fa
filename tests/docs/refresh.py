"""Writes what pages show of the code anew: `python -m tests.docs.refresh`.

That is `docs/design/protocol-tables.md`, from the tables of `lilya._sansio`, and what scripts print. Look at the
difference before you keep it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from lilya._sansio import http, lifespan, websocket
from lilya._sansio.machine import Phase, diagram
from tests.docs.pages import ROOT, blocks, pages, read, run_script

__all__ = ["PAGE", "refresh", "render"]

PAGE: Final = "docs/design/protocol-tables.md"

_HEAD: Final = """\
# Protocol tables

Which message may follow which is not written in branches, but in tables, in `lilya._sansio`: one machine for each
protocol and each direction. The writer of a connection looks each message up in them, and so do the server that runs a
lifespan, and the test tools. These diagrams are drawn from the same tables, by `python -m tests.docs.refresh`; a test
looks that they are up to date.

A line reads: in this phase, this message may come, and leads to that phase. `(more_body)` is the same message with that
flag set. What has no line may not come: sending it is a `RuntimeError` that names what was expected.
"""

_TABLES: Final[tuple[tuple[str, str, Phase], ...]] = (
    (
        "HTTP: what the application sends",
        "`HEADERS`: nothing is out yet. `BODY`: the start is out. `TRAILED` and `TRAILERS` are the same for a start\n"
        "that promised trailers. A disconnect counts until `DONE`.",
        http.HEADERS,
    ),
    (
        "HTTP: what the server sends",
        "`READING`: pieces of the body come. `WHOLE`: the last one came. `GONE`: the client left, or the response is\n"
        "complete.",
        http.READING,
    ),
    (
        "Websocket: what the application sends",
        "`CONNECTING`: the handshake is open. `DENYING`: it is being refused with an HTTP response, by the extension\n"
        "`websocket.http.response`.",
        websocket.CONNECTING,
    ),
    (
        "Websocket: what the server sends",
        "A close of the client is `websocket.disconnect`, and so is its loss.",
        websocket.ARRIVING,
    ),
    (
        "Lifespan: what the application sends",
        "`lifespan.shutdown.failed` may come while it serves: that is how a crash is told.",
        lifespan.STARTING,
    ),
    ("Lifespan: what the server sends", "Once each.", lifespan.ASLEEP),
)


def render() -> str:
    """The page."""
    parts = [_HEAD]
    for title, words, start in _TABLES:
        parts.append(f"## {title}\n\n{words}\n\n```text\n{_aligned(diagram(start))}\n```\n")
    return "\n".join(parts)


def _aligned(lines: str) -> str:
    moves = [re.split(" -->? ", line) for line in lines.splitlines()]
    phase, message = (max(len(move[column]) for move in moves) for column in (0, 1))
    return "\n".join(f"{move[0]:<{phase}} -- {move[1]:<{message}} --> {move[2]}" for move in moves)


def refresh(page: str) -> str:
    """The page with what its scripts print now."""
    found = blocks(page)
    text = read(page)
    for block, behind in pairwise(found):
        if block.is_script and behind.title == "Output":
            begin = text.index(block.code) + len(block.code)
            text = text[:begin] + text[begin:].replace(_output(behind.code), _output(run_script(block)), 1)
    return text


def _output(code: str) -> str:
    return f'```text title="Output"\n{code}```\n'


if __name__ == "__main__":
    (ROOT / PAGE).write_text(render(), encoding="utf-8")
    for page in pages():
        if (text := refresh(page)) != read(page):
            (ROOT / page).write_text(text, encoding="utf-8")
