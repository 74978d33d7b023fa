"""From objects to JSON.

`json_bytes` is what a JSON response costs, so the common way through it is a single call of the standard library's
encoder, built once and written in C; the encoders are asked only for what that cannot write. What went wrong, and
where, is looked for afterwards, by walking through the value once more.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from lilya._lazy import lazily
from lilya.serializers import COMPACT, serializer

if TYPE_CHECKING:
    from lilya.encoders import _defaults as defaults
    from lilya.encoders import _faults as faults
else:
    defaults = lazily("lilya.encoders._defaults")
    faults = lazily("lilya.encoders._faults")

__all__ = ["json_bytes", "json_encode"]


def simpler(value: Any) -> Any:
    """What the encoders make of a value. Most answers have no such value, and never ask."""
    return defaults.ENCODER_TYPES.serialize(value)


def make_encode() -> Callable[[Any], str]:
    """What writes a value by the standard library's rules.

    `JSONEncoder.encode` makes its writer, which is in C, anew for each call: two thirds of what a small answer takes.
    The writer is kept here where it can be had as in CPython 3.11 to 3.14. It does not look for values that contain
    themselves, but they end in a `RecursionError`, and are found then.
    """
    encoder = json.JSONEncoder(**COMPACT, default=simpler)
    separators = encoder.key_separator, encoder.item_separator
    flags = encoder.sort_keys, encoder.skipkeys, encoder.allow_nan
    try:
        write = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, encoder.default, json.encoder.encode_basestring, None, *separators, *flags
        )
    except TypeError:  # there is none, or it is made otherwise
        return encoder.encode
    join = "".join
    return lambda value: join(write(value, 0))


_encode = make_encode()


def json_bytes(value: Any, *, with_encoders: Iterable[Any] | None = None) -> bytes:
    """`value` as JSON in UTF-8, compact (RFC 8259). `with_encoders` are asked before the registered ones.

    With a serializer installed (`setup_serializer`) it writes instead, by its own rules.

    Raises `ValueError`, which says where in `value` the fault is, for an object that no encoder takes, NaN and
    infinities, a key that is neither text nor number, a lone surrogate, a value that contains itself, and one nested
    too deeply. What an encoder raises goes through.
    """
    if with_encoders:
        with defaults.ENCODER_TYPES.preceded_by(with_encoders):
            return json_bytes(value)
    if not serializer.plain and not serializer.plain_here:
        written: bytes = _write(serializer.dump_bytes, value, plain=False)
        return written
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        _raise(value, error, plain=True)


def json_encode(
    value: Any,
    *,
    json_encode_fn: Callable[..., Any] = serializer.dumps,
    post_transform_fn: Callable[[Any], Any] | None = serializer.loads,
    with_encoders: Iterable[Any] | None = None,
    exclude_none: bool = False,
) -> Any:
    """`value` made of nothing but JSON values: dict, list, str, int, float, bool, None.

    With `post_transform_fn=None` the JSON text, or whatever `json_encode_fn` makes: it is called with the value and
    with `default=`, the function to ask for what it cannot write. `exclude_none` leaves out keys whose value is null,
    at every depth; in arrays null stays. `with_encoders` are asked before the registered ones. Raises as `json_bytes`
    does, but lets lone surrogates pass: text may hold them.
    """
    plain = serializer.plain_here and json_encode_fn == serializer.dumps
    with defaults.ENCODER_TYPES.preceded_by(with_encoders):
        if exclude_none:
            value = _write(_without_none, value, plain=True)
        text = _write(json_encode_fn, value, plain=plain)
    return text if post_transform_fn is None else post_transform_fn(text)


def _write(write: Callable[..., Any], value: Any, *, plain: bool) -> Any:
    try:
        return write(value, default=defaults.ENCODER_TYPES.serialize)
    except (TypeError, ValueError, RecursionError) as error:
        _raise(value, error, plain=plain)


def _raise(value: Any, error: Exception, *, plain: bool) -> NoReturn:
    """Raise what says more than `error`, or `error`: an encoder's own stays as it is.

    Only under the standard library's rules (`plain`) do we know what is a fault and what is not.
    """
    if plain and (fault := _fault(value)) is not None:
        raise ValueError(fault) from None
    if isinstance(error, RecursionError):
        raise ValueError("The value is nested too deeply, or an encoder keeps returning new objects.") from None
    if isinstance(error, TypeError) and not plain:
        raise ValueError(str(error)) from error
    raise error


def _fault(value: Any) -> str | None:
    try:
        return faults.find_fault(value)
    except Exception:  # an encoder failed, as it did before
        return None


def _without_none(value: Any, *, default: Callable[[Any], Any]) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        simple = ((key, _without_none(each, default=default)) for key, each in value.items())
        return {key: each for key, each in simple if each is not None}
    if isinstance(value, list | tuple):
        return [_without_none(each, default=default) for each in value]
    return _without_none(default(value), default=default)
