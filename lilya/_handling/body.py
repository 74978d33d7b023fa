"""Body inference: parameters of a handler that are made of the request's body.

One parameter gets the whole body, or what stands under its name where that is the only key; several get one key each.
JSON and forms are read. In a form the keys say the structure: `user.name`, `items[0].sku`, a key that is there several
times is a list, and a field may hold JSON where an object or a list is wanted. Objects are made as `apply_structure`
makes them, numbers and the like are checked on the way: in JSON they have the type that is wanted, in a form they are
cast from text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints, is_typeddict

from lilya._handling.casts import MAPPINGS, ROWS, members, scalar
from lilya._sansio.json import parse_json
from lilya.encoders._molding import apply_structure
from lilya.exceptions import BadRequest, UnprocessableEntity
from lilya.requests import Request

__all__ = ["Body"]

# How deep the keys of a form may go: deeper than any form is written, far less than would exhaust the stack.
MAX_DEPTH: Final = 32
SCALARS: Final = (bool, int, float, str)
PART: Final = re.compile(r"([^.\[\]]+)((?:\[\d{1,6}\])*)")
NAMES: Final[Mapping[type, str]] = {dict: "an object", list: "an array", str: "text", NoneType: "null"}


class Body:
    """Parameters of a handler and their annotations, all of them to be made of the body."""

    __slots__ = ("_parameters",)

    def __init__(self, parameters: Iterable[tuple[str, Any]]) -> None:
        self._parameters = dict(parameters)

    async def read(self, request: Request) -> dict[str, Any]:
        """The values of the parameters.

        Raises `UnprocessableEntity` (422) that says which of them is missing or wrong; what reading a body raises:
        `BadRequest`, `MultiPartException`, `ContentTooLarge`, `ClientDisconnect`. Cancelling it loses nothing of a
        JSON body, and a form.
        """
        is_form = request.is_form
        data = nested((await request.form()).multi_items()) if is_form else await request.json()
        if len(self._parameters) == 1:
            ((name, wanted),) = self._parameters.items()
            return {name: self._made(name, wanted, self._whole(name, wanted, data), is_form)}
        if not isinstance(data, Mapping):
            raise UnprocessableEntity(f"The body must be an object with the keys {', '.join(self._parameters)}")
        return {name: self._made(name, wanted, data.get(name), is_form) for name, wanted in self._parameters.items()}

    def _whole(self, name: str, wanted: Any, data: Any) -> Any:
        """The whole body, or what stands under the parameter's name where that is its only key, and no part of it."""
        if not isinstance(data, Mapping) or set(data) != {name} or wanted is Any:
            return data
        for each in members(wanted):
            if (get_origin(each) or each) in MAPPINGS or name in getattr(each, "__annotations__", ()):
                return data
        return data[name]

    def _made(self, name: str, wanted: Any, value: Any, is_form: bool) -> Any:
        if value is None:
            if wanted is Any or NoneType in members(wanted):
                return None
            missing = "Missing body" if len(self._parameters) == 1 else "Missing key in the body"
            raise UnprocessableEntity(f"{missing}: '{name}'")
        try:
            if is_form:
                value = shaped(wanted, value)
            made = apply_structure(wanted, value, with_encoders=[FORM_SCALARS if is_form else JSON_SCALARS])
            checked = isinstance(wanted, type) and wanted is not Any and not is_typeddict(wanted)
            if checked and not isinstance(made, wanted):
                raise ValueError(f"Wanted {_name(wanted)}, got {_name(type(value))}.")
        except (ValueError, TypeError) as exc:
            place = "".join(f", {note}" for note in getattr(exc, "__notes__", ()))
            raise UnprocessableEntity(f"Invalid value for body parameter '{name}': {exc}{place}") from exc
        return made


class Scalars:
    """Makes numbers, texts and truth values: of JSON, where they are of that type already, or of the text of a form."""

    def __init__(self, is_form: bool) -> None:
        self.name = "lilya.body.scalars"
        self._is_form = is_form

    def is_type_structure(self, structure: Any) -> bool:
        """Whether it is a number, a text or a truth value."""
        return structure in SCALARS if isinstance(structure, type) else False

    def encode(self, structure: Any, value: Any) -> Any:
        """Asked only for what is not an instance already. Raises `ValueError`."""
        if self._is_form and isinstance(value, str):
            return scalar(structure, value)
        if structure is float and type(value) is int:
            return float(value)
        raise ValueError(f"Wanted {_name(structure)}, got {_name(type(value))}.")


FORM_SCALARS: Final = Scalars(is_form=True)
JSON_SCALARS: Final = Scalars(is_form=False)


def _name(kind: type) -> str:
    return NAMES.get(kind, kind.__name__)


# -- forms ------------------------------------------------------------------------------------------------------------


def nested(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a form as their keys say: `{"user": {"name": ...}, "items": [{...}, ...]}`.

    Raises `UnprocessableEntity` for keys that contradict each other, are too deep, or leave out an index.
    """
    root: dict[Any, Any] = {}
    for key, value in fields:
        parts = parts_of(key)
        if len(parts) > MAX_DEPTH:
            raise UnprocessableEntity(f"The key '{key[:40]}...' of the form is nested too deeply")
        place = root
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UnprocessableEntity(f"The key '{key}' of the form contradicts another one")
        last = parts[-1]
        if last not in place:
            place[last] = value
        elif isinstance(place[last], dict):
            raise UnprocessableEntity(f"The key '{key}' of the form contradicts another one")
        elif isinstance(place[last], list):
            place[last].append(value)
        else:
            place[last] = [place[last], value]
    return {key: _listed(value, str(key)) for key, value in root.items()}


def parts_of(key: str) -> list[str | int]:
    """`items[0].sku` as `["items", 0, "sku"]`; a key that is written otherwise is one part."""
    parts: list[str | int] = []
    for piece in key.split("."):
        match = PART.fullmatch(piece)
        if match is None:
            return [key]
        parts.append(match[1])
        parts += [int(index) for index in re.findall(r"\d+", match[2])]
    return parts


def _listed(value: Any, key: str) -> Any:
    """What has numbers for keys is a list."""
    if not isinstance(value, dict):
        return value
    inner = {each: _listed(part, f"{key}.{each}") for each, part in value.items()}
    if not any(isinstance(each, int) for each in inner):
        return inner
    if set(inner) != set(range(len(inner))):
        raise UnprocessableEntity(f"The items of '{key}' in the form are not numbered from 0 on")
    return [inner[index] for index in range(len(inner))]


def shaped(wanted: Any, value: Any) -> Any:
    """A value of a form in the shape that is wanted: JSON in a field is read, a single field may be a list of one."""
    if get_origin(wanted) is Annotated:
        return shaped(get_args(wanted)[0], value)
    choices = [each for each in members(wanted) if each is not NoneType]
    if len(choices) != 1:
        return value
    (wanted,) = choices
    origin, parts = get_origin(wanted) or wanted, get_args(wanted)
    if isinstance(value, str) and wanted is not Any and origin not in SCALARS and value[:1] in ("{", "["):
        try:
            return parse_json(value)
        except ValueError as exc:
            raise BadRequest(str(exc)) from exc
    if origin in ROWS:
        rows = value if isinstance(value, list) else [value]
        if origin is tuple and parts and parts[-1] is not Ellipsis:
            return [shaped(part, each) for part, each in zip(parts, rows, strict=False)] + rows[len(parts) :]
        return [shaped(parts[0], each) for each in rows] if parts else rows
    if not isinstance(value, dict):
        return value
    if origin in MAPPINGS:
        return {key: shaped(parts[1], each) for key, each in value.items()} if len(parts) == 2 else value
    hints = _hints(origin)
    return {key: shaped(hints[key], each) if key in hints else each for key, each in value.items()}


def _hints(wanted: Any) -> Mapping[str, Any]:
    try:
        return get_type_hints(wanted)
    except Exception:  # an annotation for type checkers only: its fields are taken as they come
        return {}
