"""Data in formats other than JSON: tables, lines of JSON, XML, YAML, MessagePack; and any response class by name.

All are made whole, when the response is made, and take what an encoder takes. Text and bytes are taken as written in
the format already. Data that is long is better streamed: `StreamingResponse` with a media type.
"""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib import import_module
from itertools import chain
from typing import Any, Final

from lilya.encoders._defaults import ENCODER_TYPES, StructureEncoder
from lilya.encoders._json import json_bytes, json_encode
from lilya.exceptions import MissingDependency
from lilya.responses.base import Background, HeadersInput, JSONResponse, Response

__all__ = [
    "CSVResponse",
    "MessagePackResponse",
    "NDJSONResponse",
    "XMLResponse",
    "YAMLResponse",
    "make_response",
]

# What may begin a name in XML 1.0, section 2.3, but for the colon: of Unicode the letters that the fourth edition has
# too, which most parsers keep to.
_NAME_START: Final = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\xff\u0100-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u03a3-\u03ce\u0410-\u044f"
    "\u3041-\u3094\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3"
)
_NOT_IN_A_NAME = re.compile(f"[^{_NAME_START}.0-9-]")
_NO_NAME_START = re.compile(f"\\A(?![{_NAME_START}])")
# What no XML document may hold, not even escaped (section 2.2).
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _items(content: Any) -> Iterable[Any]:
    """The items of a row of things, where `content` is one; else `content` as the only item."""
    encoder = ENCODER_TYPES.find(content)
    in_a_row = isinstance(content, Iterable) and not isinstance(content, Mapping)
    return content if in_a_row and (encoder is None or isinstance(encoder, StructureEncoder)) else (content,)


class _Format(Response, ABC):
    """A response that writes objects in its own format."""

    def make_response(self, content: Any) -> bytes:
        """`content` in the format; text and bytes are in it already, and nothing is nothing."""
        if content is None or isinstance(content, (str, bytearray, memoryview, *self.passthrough_body_types)):
            return super().make_response(content)
        with ENCODER_TYPES.preceded_by(self.encoders):
            return self._write(content)

    @abstractmethod
    def _write(self, content: Any) -> bytes:
        """Anything else in the format."""


class CSVResponse(_Format):
    """A table (RFC 4180, with `\\n` between the lines and none at the end).

    `content` is rows: mappings, or anything an encoder makes one of. The keys of the first are the header; what a
    later row does not have is empty, what it has besides is left out. If the first is a list or a tuple, there is no
    header, and the rows are written as they are. None is empty, and what is no text, number or bool is written as JSON.
    """

    media_type = "text/csv"

    def _write(self, content: Any) -> bytes:
        rows = _rows(content)
        first = next(rows, None)
        if first is None:
            return b""
        lines = _Lines()
        writer = csv.writer(lines, lineterminator="\r\n")  # so that before Python 3.13, too, both are quoted in a cell
        if isinstance(first, Mapping):
            writer.writerow(first)
            writer.writerows([_cell(row.get(name)) for name in first] for row in chain((first,), rows))
        else:
            writer.writerows([_cell(value) for value in row] for row in chain((first,), rows))
        return "\n".join(lines).encode(self.charset)


class _Lines(list[str]):
    """A file of lines, each of which is written at once and loses its end."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n"))


def _rows(content: Any) -> Iterator[Any]:
    """The rows, all as mappings or all as lists."""
    mappings = None
    for item in _items(content):
        if hasattr(item, "_asdict"):  # a named tuple
            row = item._asdict()
        else:
            row = item if isinstance(item, Mapping | list | tuple) else json_encode(item)
        if not isinstance(row, Mapping | list | tuple):
            raise TypeError(f"a row of a CSVResponse is a mapping or a list, not {type(item).__name__}: {item!r:.80}")
        if mappings is None:
            mappings = isinstance(row, Mapping)
        elif mappings is not isinstance(row, Mapping):
            raise TypeError(
                f"the rows of a CSVResponse are all mappings or all lists, but this one is not: {item!r:.80}"
            )
        yield row


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    simple = json_encode(value)
    return json_bytes(simple).decode() if isinstance(simple, dict | list) else simple


class NDJSONResponse(_Format):
    """Lines of JSON, one for each item of `content`, with `\\n` between them; what is no row of things is one line."""

    media_type = "application/x-ndjson"

    def _write(self, content: Any) -> bytes:
        return b"\n".join(json_bytes(item) for item in _items(content))


class XMLResponse(_Format):
    """An XML document whose root is `<root>`.

    A mapping becomes elements named after its keys, a list the element it stands in, repeated; at the top, where there
    can be only one, its items are `<item>`. What may not stand in a name becomes `_`, what may stand in no document
    becomes U+FFFD. None is an empty element.
    """

    media_type = "application/xml"

    def _write(self, content: Any) -> bytes:
        simple = json_encode(content)
        if isinstance(simple, list):
            simple = {"item": simple}
        return "".join(_element("root", simple)).encode(self.charset)


def _element(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            # A list in a list has no name of its own.
            yield from _element(name, {"item": item} if isinstance(item, list) else item)
    elif value is None:
        yield f"<{name}/>"
    elif isinstance(value, dict):
        yield f"<{name}>"
        for key, item in value.items():
            yield from _element(_element_name(key), item)
        yield f"</{name}>"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        # A bare carriage return would be read as a line feed (section 2.11).
        yield f"<{name}>{escape(_NO_CHARACTER.sub(chr(0xFFFD), text), quote=False)}</{name}>".replace("\r", "&#13;")


def _element_name(key: str) -> str:
    return _NO_NAME_START.sub("_", _NOT_IN_A_NAME.sub("_", key))


class YAMLResponse(_Format):
    """YAML, keys in their order. Raises `MissingDependency` where PyYAML is not installed."""

    media_type = "application/x-yaml"

    def _write(self, content: Any) -> bytes:
        yaml = _optional("yaml", "YAMLResponse", "PyYAML")
        text: str = yaml.safe_dump(json_encode(content), sort_keys=False, allow_unicode=True)
        return text.encode(self.charset)


class MessagePackResponse(Response):
    """MessagePack; bytes are taken as packed already. Bytes further in stay bytes; all else is as in JSON.

    Raises `MissingDependency` where msgpack is not installed.
    """

    media_type = "application/x-msgpack"

    def make_response(self, content: Any) -> bytes:
        """`content`, packed."""
        if isinstance(content, self.passthrough_body_types):
            return content  # type: ignore[return-value]
        msgpack = _optional("msgpack", "MessagePackResponse", "msgpack")
        with ENCODER_TYPES.preceded_by(self.encoders):
            packed: bytes = msgpack.packb(content, default=ENCODER_TYPES.serialize)
        return packed


def _optional(module: str, who: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependency(f"{who} needs {package}: pip install {package}") from error


def make_response(
    content: Any,
    response_class: type[Response] = JSONResponse,
    status_code: int = 200,
    headers: HeadersInput = None,
    background: Background | None = None,
    encoders: Iterable[Any] | None = None,
    json_encode_extra_kwargs: Mapping[str, Any] | None = None,
) -> Response:
    """A response of that class with `content`, which may be anything an encoder takes.

    `encoders` go before the registered ones. With `json_encode_extra_kwargs`, such as `{"exclude_none": True}`,
    `content` goes through `json_encode` with these first. Raises what the class raises for content it does not take.
    """
    if json_encode_extra_kwargs is not None:
        content = json_encode(content, **{"with_encoders": encoders, **json_encode_extra_kwargs})
        if json_encode_extra_kwargs.get("post_transform_fn", content) is None and isinstance(content, str):
            content = content.encode()  # JSON already
    return response_class(content, status_code=status_code, headers=headers, background=background, encoders=encoders)
