"""However a multipart body is cut, it means the same; and whatever it is, it is understood or refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya._sansio.form import FormLimits
from lilya._sansio.multipart import Field, FileStart, MultipartDecoder
from lilya.exceptions import MultiPartException
from tests.forms.bodies import BOUNDARY, CAPTURED, Captured, Part, multipart

# A field as its name and text; a file as its name, file name, headers and content; a refusal as its status.
Meaning: TypeAlias = list[tuple[object, ...]] | int

SMALL = FormLimits(max_files=3, max_fields=3, max_field_size=20, max_headers=3, max_header_size=60, max_name_length=8)


def meaning(pieces: Iterable[bytes], boundary: str = BOUNDARY, limits: FormLimits | None = None) -> Meaning:
    decoder = MultipartDecoder(boundary, limits or FormLimits())
    found: list[tuple[object, ...]] = []
    file: FileStart | None = None
    content = bytearray()
    try:
        for piece in pieces:
            for event in decoder.feed(piece):
                if isinstance(event, Field):
                    found.append(event)
                elif isinstance(event, FileStart):
                    assert file is None
                    file = event
                elif isinstance(event, bytes):
                    assert file is not None
                    assert event
                    content += event
                else:
                    assert file is not None
                    found.append((*file, bytes(content)))
                    file = None
                    content.clear()
        decoder.finish()
    except MultiPartException as refusal:
        return refusal.status_code
    assert file is None
    return found


def cut(body: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def bytewise(body: bytes) -> list[bytes]:
    return [body[place : place + 1] for place in range(len(body))]


# Made of what a parser may stumble over, for a boundary that is short and occurs in itself.
TRICKY = "aXa"
FRAGMENTS = [
    b"\r\n--aXa",
    b"\r\n--aX",
    b"\r\n--",
    b"\r\n-",
    b"\r\n",
    b"\r",
    b"\n",
    b"--",
    b"-",
    b"aXa",
    b"a",
    b" ",
    b"\x00",
]
content = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join)
plain = st.binary(max_size=30)
names = st.text(st.characters(exclude_characters='"\r\n\\', exclude_categories=["Cs"]), max_size=6)
parts = st.builds(Part, names, content | plain, st.none() | names, st.none() | st.just("text/plain; charset=latin-1"))
places = st.lists(st.integers(0, 2000), max_size=12)


@given(st.lists(parts, max_size=5), places)
def test_any_cut_means_the_same(form: list[Part], cuts: list[int]) -> None:
    body = multipart(form, TRICKY)
    assert meaning(cut(body, cuts), TRICKY) == meaning(bytewise(body), TRICKY) == meaning([body], TRICKY)


@given(st.lists(parts, max_size=5))
def test_what_was_written_is_read(form: list[Part]) -> None:
    form = [part for part in form if b"\r\n--aXa" not in b"\r\n" + part.content + b"\r\n"]
    read = meaning([multipart(form, TRICKY)], TRICKY)
    assert isinstance(read, list)
    assert [(pair[0], pair[-1]) for pair in read] == [
        (part.name, part.content if part.filename is not None else _text(part)) for part in form
    ]


def _text(part: Part) -> str:
    return part.content.decode("latin-1") if part.content_type else part.content.decode("utf-8", "replace")


@given(
    st.lists(
        st.sampled_from([*FRAGMENTS, b"--aXa", b'Content-Disposition: form-data; name="a"', b"; filename=x", b": "])
    ),
    places,
)
@example([b"\r\n", b"a", b"--aXa--"], [2])  # a parser that skips to the next hyphen, but only within a piece
@example([b"--aXa\r\n", b" "], [])
def test_nonsense_is_refused_however_it_is_cut(fragments: list[bytes], cuts: list[int]) -> None:
    body = b"".join(fragments)
    assert meaning(cut(body, cuts), TRICKY) == meaning(bytewise(body), TRICKY) == meaning([body], TRICKY)


@given(st.lists(parts, max_size=4), st.integers(0, 2000), st.binary(max_size=3), places)
def test_a_damaged_body_is_read_or_refused_the_same_however_it_is_cut(
    form: list[Part], place: int, damage: bytes, cuts: list[int]
) -> None:
    body = bytearray(multipart(form, TRICKY))
    place %= len(body)
    body[place : place + len(damage)] = damage
    whole = bytes(body)
    assert (
        meaning(cut(whole, cuts), TRICKY, SMALL)
        == meaning(bytewise(whole), TRICKY, SMALL)
        == meaning([whole], TRICKY, SMALL)
    )


@given(st.binary(max_size=400), places)
def test_any_bytes_are_read_or_refused(body: bytes, cuts: list[int]) -> None:
    assert meaning(cut(body, cuts)) == meaning([body])


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: captured.client)
def test_what_clients_send_means_the_same_however_it_is_cut(captured: Captured) -> None:
    boundary = captured.content_type.partition("boundary=")[2].strip('"')
    whole = meaning([captured.body], boundary)
    assert isinstance(whole, list)
    assert len(whole) == len(captured.meaning)
    assert meaning(bytewise(captured.body), boundary) == whole
    for place in range(len(captured.body)):
        assert meaning([captured.body[:place], captured.body[place:]], boundary) == whole
