"""JSON as it may come over the wire (RFC 8259): UTF-8, and only what every other reader takes too."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

__all__ = ["parse_json"]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"The body is not JSON: {name} is no number there.")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_json(raw: bytes | str) -> Any:
    """The value of a JSON text. Raises `ValueError`, whose text is for people, when it is none.

    NaN and infinities are none; what is nested too deeply, or holds a number too long for Python, is refused as well.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as exc:
        raise ValueError(f"The body is not JSON: {exc.reason} at byte {exc.start}.") from exc
    except RecursionError as exc:
        raise ValueError("The body is not JSON this server takes: too deeply nested.") from exc
    except json.JSONDecodeError as exc:
        raise ValueError(f"The body is not JSON: {exc}.") from exc
    except ValueError as exc:
        if str(exc).startswith("The body"):
            raise
        # An integer beyond sys.get_int_max_str_digits().
        raise ValueError("The body is not JSON this server takes: a number is too long.") from exc
