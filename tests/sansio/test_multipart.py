"""The grammar of `multipart/form-data`: what a body means, and what is refused."""

from __future__ import annotations

import logging

import pytest

from lilya._sansio.form import FormLimits
from lilya._sansio.multipart import FILE_END, Event, Field, FileStart, MultipartDecoder, check_boundary
from lilya._sansio.multipart_parser import PythonMultipart
from lilya.exceptions import MultiPartException
from tests.forms.bodies import BOUNDARY, Part, multipart


def decode(
    body: bytes, limits: FormLimits | None = None, *, boundary: str = BOUNDARY, charset: str = "utf-8"
) -> list[Event]:
    decoder = MultipartDecoder(boundary, limits or FormLimits(), charset)
    events = decoder.feed(body)
    decoder.finish()
    return events


def refused(body: bytes, limits: FormLimits | None = None, *, boundary: str = BOUNDARY) -> tuple[int, str]:
    with pytest.raises(MultiPartException) as caught:
        decode(body, limits, boundary=boundary)
    assert caught.value.detail == caught.value.message
    return caught.value.status_code, caught.value.message


def test_a_part_without_a_file_name_is_a_field_and_comes_whole() -> None:
    assert decode(multipart([Part("a", b"1"), Part("b", b""), Part("a", b"2")])) == [
        Field("a", "1"),
        Field("b", ""),
        Field("a", "2"),
    ]


def test_a_part_with_a_file_name_is_a_file_and_comes_in_pieces() -> None:
    start, *content, end = decode(multipart([Part("f", b"data", "a.txt", "text/plain")]))
    assert isinstance(start, FileStart)
    assert (start.name, start.filename) == ("f", "a.txt")
    assert start.headers == [
        (b"content-disposition", b'form-data; name="f"; filename="a.txt"'),
        (b"content-type", b"text/plain"),
    ]
    assert content == [b"data"]
    assert end is FILE_END


def test_an_empty_file_has_no_content_but_an_end() -> None:
    start, end = decode(multipart([Part("f", b"", "")]))
    assert isinstance(start, FileStart)
    assert start.filename == ""
    assert end is FILE_END


def test_a_piece_that_is_all_content_is_handed_on_uncopied() -> None:
    decoder = MultipartDecoder(BOUNDARY)
    head, tail = multipart([Part("f", b"content", "x")]).split(b"content")
    decoder.feed(head)
    piece = b"z" * 1000
    (event,) = decoder.feed(piece)
    assert event is piece
    assert decoder.feed(tail) == [FILE_END]
    decoder.finish()


class Seen(PythonMultipart):
    """A parser that notes what it is fed."""

    fed: list[bytes]

    def feed(self, data: bytes) -> None:
        self.fed.append(data)
        super().feed(data)


@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        ([b"abc", b"--", b"\r\n", b"\r\n--", b"d"], [b"\r\n", b"\r\n--", b"d"]),
        ([b"\r\n-", b"\r\n-", b"x", b"y"], [b"\r\n-", b"\r\n-", b"x"]),
        ([b"a\r", b"\rb", b"c\rd"], [b"a\r", b"\rb"]),
        ([b"a\r\n--no\r\n", b"b"], [b"a\r\n--no\r\n", b"b"]),
        ([b"a\r\n--" + BOUNDARY.encode(), b"?", b"b"], [b"a\r\n--" + BOUNDARY.encode(), b"?"]),
    ],
)
def test_a_piece_that_is_all_content_is_kept_from_the_parser(pieces: list[bytes], seen: list[bytes]) -> None:
    class Parser(Seen):
        fed: list[bytes] = []  # noqa: RUF012

    decoder = MultipartDecoder(BOUNDARY, parser=Parser)
    head, tail = multipart([Part("f", b"content", "x")]).split(b"content")
    decoder.feed(head)
    decoder.feed(b"first")
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.feed(tail)
    decoder.finish()
    assert events.pop() is FILE_END
    assert b"".join(event for event in events if isinstance(event, bytes)) == b"".join(pieces)
    assert Parser.fed == [head, b"first", *seen, tail]


@pytest.mark.parametrize("body", [multipart([]), multipart([]).rstrip(), b"\r\n" + multipart([])])
def test_a_form_without_parts_is_empty(body: bytes) -> None:
    assert decode(body) == []


def test_what_follows_the_final_boundary_means_nothing() -> None:
    assert decode(multipart([Part("a", b"1")]) + b"--" + BOUNDARY.encode() + b"\r\nepilogue") == [Field("a", "1")]


def test_line_ends_before_the_first_boundary_are_skipped() -> None:
    assert decode(b"\r\n\r\n" + multipart([Part("a", b"1")])) == [Field("a", "1")]


def test_spaces_behind_a_boundary_are_transport_padding() -> None:
    body = multipart([Part("a", b"1"), Part("b", b"2")])
    head, separator, tail = body.rpartition(b"--" + BOUNDARY.encode() + b"\r\n")
    assert decode(head + separator.replace(b"\r\n", b" \t\r\n") + tail) == [Field("a", "1"), Field("b", "2")]


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n",
        b"\r\n--",
        b"\r\n--" + BOUNDARY[:-1].encode(),
        b"--" + BOUNDARY.encode() + b"--",
        b"\r",
        b"\r\r\n-",
        b"\n",
    ],
)
def test_content_may_look_like_the_beginning_of_a_boundary(content: bytes) -> None:
    _, *pieces, _ = decode(multipart([Part("f", content, "x")]))
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == content


# -- headers of parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'Content-Disposition: form-data; name="a"', "a"),
        (b"content-disposition:form-data;name=a", "a"),
        (b'CONTENT-DISPOSITION: FORM-DATA; NAME="a b"; other=1', "a b"),
        (b'Content-Disposition: form-data; name="\xe6\x97\xa5"', "日"),
        (b"Content-Disposition: form-data; name*=utf-8''%E6%97%A5", "日"),
        (b"Content-Disposition: form-data; name=\"x\"; name*=utf-8''%E6%97%A5", "日"),
        (b'Content-Disposition: form-data; name="a;b\\"c"', 'a;b"c'),
        (b'Content-Disposition: form-data; name=""', ""),
        (b'Content-Disposition: form-data; name="\xff"', "\ufffd"),
        (b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"', "a"),
        (b'X-Empty:\r\nContent-Disposition: form-data; name="a"', "a"),
    ],
)
def test_the_name_of_a_field(header: bytes, name: str) -> None:
    assert decode(multipart([header + b"\r\n\r\n1"])) == [Field(name, "1")]


@pytest.mark.parametrize(
    ("parameter", "filename"),
    [
        (b'filename="a.txt"', "a.txt"),
        (b"filename=a.txt", "a.txt"),
        (b"filename*=UTF-8''%C3%BC.txt", "ü.txt"),
        (b"filename=\"plain.txt\"; filename*=utf-8'en'%C3%BC.txt", "ü.txt"),
        (b"filename*=iso-8859-1''%FC.txt", "ü.txt"),
        (b"filename=\"plain.txt\"; filename*=bogus''%FC.txt", "plain.txt"),
        (b"filename=\"plain.txt\"; filename*=utf-8''%FF", "plain.txt"),
        (b'filename="../../etc/passwd"', "../../etc/passwd"),
    ],
)
def test_the_name_of_a_file_is_what_was_sent(parameter: bytes, filename: str) -> None:
    start = decode(multipart([b'Content-Disposition: form-data; name="f"; ' + parameter + b"\r\n\r\n1"]))[0]
    assert isinstance(start, FileStart)
    assert start.filename == filename


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain",
        b"Content-Disposition: form-data",
        b'Content-Disposition: form-data; filename="x"',
        b"Content-Disposition:",
    ],
)
def test_a_part_without_a_name_is_refused(header: bytes) -> None:
    assert refused(multipart([header + b"\r\n\r\n1"])) == (
        400,
        'The Content-Disposition header field "name" must be provided.',
    )


def test_a_part_without_headers_is_refused_for_having_no_name() -> None:
    assert refused(multipart([b"\r\nvalue"]))[1] == 'The Content-Disposition header field "name" must be provided.'


# -- charsets ----------------------------------------------------------------------------------------------------------


def test_a_field_is_text_in_the_charset_of_its_part() -> None:
    parts = [Part("a", b"\xfc", content_type="text/plain; charset=ISO-8859-1"), Part("b", "ü".encode())]
    assert decode(multipart(parts)) == [Field("a", "ü"), Field("b", "ü")]


def test_a_field_is_text_in_the_charset_of_the_request_when_its_part_has_none() -> None:
    assert decode(multipart([Part("a", b"\xfc")]), charset="windows-1252") == [Field("a", "ü")]


def test_a_charset_field_counts_for_those_after_it() -> None:
    parts = [Part("a", b"\xfc"), Part("_charset_", b"iso-8859-1"), Part("b", b"\xfc")]
    assert decode(multipart(parts)) == [Field("a", "\ufffd"), Field("_charset_", "iso-8859-1"), Field("b", "ü")]


@pytest.mark.parametrize("charset", ["utf-8", "bogus", "ascii", "unicode_escape", "idna", "zlib", ""])
def test_what_is_no_text_in_its_charset_is_read_as_utf_8_and_never_fails(charset: str) -> None:
    body = multipart([Part("a", b"\xc3\xbc \\x \xff", content_type=f'text/plain; charset="{charset}"')])
    assert decode(body) == [Field("a", "ü \\x \ufffd")]


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "fits", "over", "status", "message"),
    [
        (
            FormLimits(max_files=2),
            [Part("f", b"", "x")] * 2,
            [Part("f", b"", "x")] * 3,
            400,
            "Too many files. Maximum number of files is 2.",
        ),
        (
            FormLimits(max_fields=2),
            [Part("a", b"")] * 2 + [Part("f", b"", "x")] * 3,
            [Part("a", b"")] * 3,
            400,
            "Too many fields. Maximum number of fields is 2.",
        ),
        (
            FormLimits(max_parts=2),
            [Part("a", b""), Part("f", b"", "x")],
            [Part("a", b""), Part("f", b"", "x"), Part("b", b"")],
            400,
            "Too many parts. Maximum number of parts is 2.",
        ),
        (
            FormLimits(max_field_size=3),
            [Part("a", b"123"), Part("f", b"1234", "x")],
            [Part("a", b"1234")],
            413,
            "Field 'a' is too large. Maximum size of a field is 3 bytes.",
        ),
        (
            FormLimits(max_fields_size=3),
            [Part("a", b"12"), Part("b", b"3"), Part("f", b"1234", "x")],
            [Part("a", b"12"), Part("b", b"34")],
            413,
            "The text of the form is too large. Maximum size of all fields together is 3 bytes.",
        ),
        (
            FormLimits(max_file_size=3),
            [Part("f", b"123", "x"), Part("g", b"123", "x"), Part("a", b"1234")],
            [Part("f", b"1234", "x")],
            413,
            "File 'f' is too large. Maximum size of a file is 3 bytes.",
        ),
        (
            FormLimits(max_headers=2),
            [b'Content-Disposition: form-data; name="a"\r\nX: 1\r\n\r\n'],
            [b'Content-Disposition: form-data; name="a"\r\nX: 1\r\nX: 1\r\n\r\n'],
            400,
            "Too many part headers. Maximum number of headers of a part is 2.",
        ),
        (
            FormLimits(max_header_size=50),
            [Part("a" * 10, b"")],
            [Part("a" * 30, b"")],
            400,
            "Part header too long. Maximum size of a part header is 50 bytes.",
        ),
        (
            FormLimits(max_name_length=3),
            [Part("äöü", b"")],
            [Part("äöüß", b"")],
            400,
            "The field name 'äöüß'... is too long. Maximum length is 3 characters.",
        ),
        (
            FormLimits(max_name_length=3),
            [Part("f", b"", "abc")],
            [Part("f", b"", "abcd")],
            400,
            "The file name 'abcd'... is too long. Maximum length is 3 characters.",
        ),
    ],
)
def test_a_limit_lets_through_what_fits_and_says_what_does_not(
    limits: FormLimits, fits: list[Part | bytes], over: list[Part | bytes], status: int, message: str
) -> None:
    decode(multipart(fits), limits)
    assert refused(multipart(over), limits) == (status, message)


def test_the_whole_body_has_a_limit_too() -> None:
    body = multipart([Part("a", b"1")])
    decode(body, FormLimits(max_body_size=len(body)))
    assert refused(body, FormLimits(max_body_size=len(body) - 1)) == (
        413,
        f"The form is too large. Maximum size of a form is {len(body) - 1} bytes.",
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (multipart([Part("f", b"1", "x")] * 1001), "Too many files. Maximum number of files is 1000."),
        (multipart([Part("a", b"1")] * 1001), "Too many fields. Maximum number of fields is 1000."),
        (multipart([Part("a", bytes(1048577))]), "Field 'a' is too large. Maximum size of a field is 1048576 bytes."),
        (
            multipart([Part("a", bytes(1048576))] * 9),
            "The text of the form is too large. Maximum size of all fields together is 8388608 bytes.",
        ),
        (
            multipart([b"X: " + b"x" * 5000 + b"\r\n\r\n"]),
            "Part header too long. Maximum size of a part header is 4096 bytes.",
        ),
        (
            multipart([b"X: 1\r\n" * 17 + b"\r\n"]),
            "Too many part headers. Maximum number of headers of a part is 16.",
        ),
        (
            multipart([Part("a" * 1025, b"1")]),
            f"The field name '{'a' * 40}'... is too long. Maximum length is 1024 characters.",
        ),
    ],
)
def test_without_being_asked_it_protects_itself(body: bytes, message: str) -> None:
    assert refused(body)[1] == message


def test_a_header_of_nothing_but_spaces_does_not_go_on_for_ever() -> None:
    decoder = MultipartDecoder(BOUNDARY)
    decoder.feed(b"--" + BOUNDARY.encode() + b"\r\nX:")
    for _ in range(40):
        decoder.feed(b" " * 100)
    with pytest.raises(MultiPartException, match="Part header too long"):
        decoder.feed(b" " * 100)


# -- malformed bodies --------------------------------------------------------------------------------------------------

NO_BOUNDARY = f"The multipart body does not begin with its boundary '--{BOUNDARY}'."
CUT_OFF = f"The multipart body ends before its final boundary '--{BOUNDARY}--'."
DELIMITER = b"--" + BOUNDARY.encode()
DISPOSITION = b'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", CUT_OFF),
        (b"\r\n", CUT_OFF),
        (DELIMITER, CUT_OFF),
        (multipart([Part("a", b"1")])[:-5], CUT_OFF),
        (multipart([Part("a", b"1")])[:-3], CUT_OFF),
        (DELIMITER + b"\r\nContent-Dispo", CUT_OFF),
        (b"\x00\x01\x02" * 100, NO_BOUNDARY),
        (b"preamble\r\n" + multipart([Part("a", b"1")]), NO_BOUNDARY),
        (b"\r\npreamble\r\n" + multipart([Part("a", b"1")]), NO_BOUNDARY),
        (multipart([Part("a", b"1")], "other"), NO_BOUNDARY),
        (DELIMITER + b"-x", NO_BOUNDARY),
        (DELIMITER + b"x\r\n", NO_BOUNDARY),
        (DELIMITER + b"\n" + DISPOSITION + b"\n\nv\n", NO_BOUNDARY),
        (
            DELIMITER + b"\r\nContent Disposition: x",
            "The multipart body is malformed at byte 49, in the headers of a part.",
        ),
        (DELIMITER + b"\r\n: x", "The multipart body is malformed at byte 42, in the headers of a part."),
        (DELIMITER + b"\r\nX: 1\rY", "The multipart body is malformed at byte 47, in the headers of a part."),
        (DELIMITER + b"\r\n\rX", "The multipart body is malformed at byte 43, in the headers of a part."),
        (
            DELIMITER + b"\r\n" + DISPOSITION + b"\r\n\r\n1\r\n" + DELIMITER + b" x",
            "The multipart body is malformed at byte 130, after a boundary.",
        ),
    ],
)
def test_a_malformed_body_is_refused_and_the_place_is_named(body: bytes, message: str) -> None:
    assert refused(body) == (400, message)


def test_a_refused_body_is_told_to_the_client_and_not_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        refused(b"nonsense")
    assert not caplog.records


# -- the boundary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["B", BOUNDARY, "x" * 70, "x" * 200, "'()+_,-./:=? x", "a@b", "-", "--"])
def test_a_boundary_that_works_is_taken(boundary: str) -> None:
    assert check_boundary(boundary) == boundary
    body = multipart([Part("a", b"1"), Part("f", b"\r\n--\r\n", "x")], boundary)
    assert decode(body, boundary=boundary)[0] == Field("a", "1")


@pytest.mark.parametrize("boundary", [None, ""])
def test_without_a_boundary_there_is_no_multipart(boundary: str | None) -> None:
    with pytest.raises(MultiPartException) as caught:
        check_boundary(boundary)
    assert caught.value.message == "Missing boundary in multipart."


def test_a_boundary_may_not_be_longer_than_200_characters() -> None:
    with pytest.raises(MultiPartException) as caught:
        check_boundary("x" * 201)
    assert caught.value.message == "Boundary too long. Maximum length of a boundary is 200 characters."


@pytest.mark.parametrize("boundary", [" ", "x ", "a\r\nb", "a\tb", "é", "a\x00"])
def test_a_boundary_of_other_characters_is_refused_and_shown(boundary: str) -> None:
    with pytest.raises(MultiPartException) as caught:
        check_boundary(boundary)
    assert repr(boundary) in caught.value.message
    assert "RFC 2046" in caught.value.message


@pytest.mark.parametrize("name", ["a", "", "a b;c", "ä", "a=b", "%22", "a; filename=b"])
@pytest.mark.parametrize("filename", [None, "", "x.txt", "C:/x;y", "ß.png"])
@pytest.mark.parametrize("space", [" ", "  ", ""])
def test_a_usual_disposition_means_what_an_unusual_one_does(name: str, filename: str | None, space: str) -> None:
    disposition = f'form-data;{space}name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    body = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()
    first, *_ = decode(body)
    assert first == Field(name, "x") if filename is None else isinstance(first, FileStart)
    assert isinstance(first, Field) or (isinstance(first, FileStart) and (first[0], first[1]) == (name, filename))
