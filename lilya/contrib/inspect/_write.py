"""A picture of the tasks, written: as text for a terminal, as HTML for a browser."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Final

from lilya.contrib.inspect._style import SCRIPT, STYLE
from lilya.contrib.inspect._tree import Node, Picture, Section

__all__ = ["CONTENT_POLICY", "write_fragment", "write_page", "write_text"]

# What a terminal would obey, or turn the line around for: a name may come from anywhere.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def _source(kind: str, code: str) -> str:
    return f"{kind} 'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"


# Nothing runs but our own script, nothing is loaded, nobody frames it (Content Security Policy Level 3).
CONTENT_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        _source("style-src", STYLE),
        _source("script-src", SCRIPT),
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


def write_text(picture: Picture) -> str:
    """For a terminal."""
    lines = [_summary(picture)]
    for section in picture.sections:
        lines += ["", f"{section.title} ({section.count})"]
        lines += _nodes_in_text(section.nodes, section.more, "")
    return "\n".join(lines) + "\n"


def _nodes_in_text(nodes: tuple[Node, ...], more: int, indent: str) -> Iterator[str]:
    for position, node in enumerate(nodes):
        last = position == len(nodes) - 1 and not more
        yield f"{indent}{'└─' if last else '├─'} {_CONTROL.sub('?', _line(node))}"
        yield from _nodes_in_text(node.children, node.more, indent + ("   " if last else "│  "))
    if more:
        yield f"{indent}└─ and {more} more"


def _line(node: Node) -> str:
    parts = [node.name, node.state, "" if node.age is None else _age(node.age), _place(node)]
    return "  ".join(part for part in parts if part)


def _place(node: Node) -> str:
    if not node.where:
        return ""
    return node.where + (f", in {node.awaits}" if node.awaits else "")


def write_fragment(picture: Picture) -> str:
    """What changes on the page."""
    sections = "".join(_section(section) for section in picture.sections)
    return f"<p>{escape(_summary(picture))}</p>{sections}"


def write_page(picture: Picture) -> str:
    """The whole page, which keeps itself up to date; without scripts by being loaded anew."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Tasks</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        f"<style>{STYLE}</style></head><body><header><h1>Tasks</h1>"
        '<span><output></output> <button type="button" hidden>Pause</button></span></header>'
        f"<main>{write_fragment(picture)}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _section(section: Section) -> str:
    listed = _nodes(section.nodes, section.more) if section.count else '<p class="none">none</p>'
    return f"<section><h2>{section.title} <small>{section.count}</small></h2>{listed}</section>"


def _nodes(nodes: tuple[Node, ...], more: int) -> str:
    items = "".join(f"<li>{_node(node)}</li>" for node in nodes)
    if more:
        items += f'<li class="more">and {more} more</li>'
    return f"<ul>{items}</ul>"


def _node(node: Node) -> str:
    parts = [f"<b>{escape(node.name)}</b>"]
    if node.state:
        parts.append(f"<i>{escape(node.state)}</i>")
    if node.age is not None:
        parts.append(f"<time>{_age(node.age)}</time>")
    line = " ".join(parts)
    if node.where:
        line += f"<code>{escape(_place(node))}</code>"
    return line + (_nodes(node.children, node.more) if node.children or node.more else "")


def _summary(picture: Picture) -> str:
    said = [picture.state, f"worker threads at work: {picture.threads}", f"tasks failed so far: {picture.failed_tasks}"]
    if picture.unseen:
        said.append(f"tasks not looked at: {picture.unseen}")
    return ", ".join(said)


def _age(seconds: float) -> str:
    whole = int(seconds)
    if whole < 1:
        return f"{seconds * 1000:.0f} ms"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
