"""What forms of both encodings share: how much of them is taken, how their text is read, how they are refused."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Final

from lilya.exceptions import MultiPartException

__all__ = [
    "DEFAULT_LIMITS",
    "FormLimits",
    "body_too_large",
    "decode_text",
    "is_charset",
    "text_too_large",
    "too_large",
    "too_long",
    "too_many",
]

KIB: Final = 1024
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """How much of a form is taken, and how much of it is kept in memory. Sizes are in bytes; `math.inf` is no limit.

    Raises:
        ValueError: a limit that is no number from 0 up.
    """

    # What the public API promises; no form made for people comes near.
    max_files: float = 1000
    max_fields: float = 1000
    # Files and fields together: by default what the two above allow.
    max_parts: float = math.inf
    # Fields stay in memory. One may hold a long book, all of them together a shelf.
    max_field_size: float = 1 * MIB
    max_fields_size: float = 8 * MIB
    # How much disk an upload may take is for the handler to say. Memory does not grow with it and the client is held
    # back while we write: a guess made here would protect nobody and break the first large upload.
    max_file_size: float = math.inf
    max_body_size: float = math.inf
    # Of one part; the size is that of one header. Senders use three, and in one of them stand the name and file name.
    max_headers: float = 16
    max_header_size: float = 4 * KIB
    # Of a field's name and of a file's, in characters. File systems stop at 255 bytes; names become keys and log lines.
    max_name_length: float = 1024
    # A file longer than the first goes to the disk. So does every one that is not small, once those kept in memory
    # have reached the second: a thousand files of 1 MiB each would be 1 GiB.
    file_memory: float = 1 * MIB
    files_memory: float = 16 * MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            limit = getattr(self, field.name)
            if not isinstance(limit, int | float) or not limit >= 0:
                raise ValueError(f"{field.name}={limit!r}: wanted a number from 0 up, or math.inf for no limit")


DEFAULT_LIMITS: Final = FormLimits()

# What clients declare. Nothing else is looked up: Python has codecs that are no charsets, some whose cost grows faster
# than the text, and it remembers every unknown name it was ever asked for.
_CHARSET: Final = re.compile(
    r"(?:us-)?ascii|iso-8859-(?:[1-9]|1[013-6])|latin-?1|windows-125[0-8]|koi8-[ru]|gb(?:k|2312|18030)"
    r"|big5|euc-(?:jp|kr)|shift_jis|iso-2022-jp|utf-16(?:le|be)?",
    re.IGNORECASE,
).fullmatch


def is_charset(name: str) -> bool:
    """Whether a client may declare this charset for its text: UTF-8, or one of those in use."""
    return name.lower() in ("utf-8", "utf8") or _CHARSET(name) is not None


def decode_text(raw: bytes | bytearray, charset: str) -> str:
    """The text of a form; never fails.

    What is not valid in its charset, or in a charset nobody uses, is read as UTF-8, and what is not valid there becomes
    U+FFFD, as the URL standard has it (section 5.1).
    """
    if charset != "utf-8" and _CHARSET(charset):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            pass
    return raw.decode("utf-8", "replace")


def too_many(kind: str, limit: float) -> MultiPartException:
    """A 400: more than `limit` of a `kind`, such as "files"."""
    return MultiPartException(f"Too many {kind}. Maximum number of {kind} is {limit}.")


def too_long(kind: str, name: str, limit: float) -> MultiPartException:
    """A 400: a `kind` of name has more than `limit` characters."""
    return MultiPartException(f"The {kind} {name[:40]!r}... is too long. Maximum length is {limit} characters.")


def body_too_large(limits: FormLimits) -> MultiPartException:
    """A 413: the whole body is over its limit."""
    return too_large("The form", "a form", limits.max_body_size)


def text_too_large(limits: FormLimits) -> MultiPartException:
    """A 413: the fields together are over their limit."""
    return too_large("The text of the form", "all fields together", limits.max_fields_size)


def too_large(what: str, kind: str, limit: float) -> MultiPartException:
    """A 413: `what` has more bytes than the `limit` of its `kind`."""
    return MultiPartException(f"{what} is too large. Maximum size of {kind} is {limit} bytes.", status_code=413)
