"""`Request.form` and `Request.data`: what a handler is given."""

from __future__ import annotations

import threading
from typing import get_type_hints

import pytest

import lilya._forms
from lilya._forms import FormOptions
from lilya._sansio.form import FormLimits
from lilya._sansio.urlencoded import parse_urlencoded
from lilya.concurrency.nursery import open_nursery
from lilya.datastructures import DataUpload, FormData
from lilya.exceptions import BadRequest, ClientDisconnect, MultiPartException
from lilya.requests import Request
from lilya.types import Message, Scope
from tests.forms.bodies import CAPTURED, Captured, Part, multipart
from tests.forms.posting import MULTIPART, URLENCODED, pieces, post


async def form(request: Request) -> FormData:
    return await request.form()


async def items(request: Request) -> list[tuple[str, object]]:
    """The form, with the files read."""
    return [
        (name, (value.filename, value.content_type, await value.read()) if isinstance(value, DataUpload) else value)
        for name, value in (await request.form()).multi_items()
    ]


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: captured.client)
@pytest.mark.parametrize("size", [100_000, 7])
async def test_what_clients_send_is_what_they_mean(captured: Captured, size: int) -> None:
    assert await post(items, captured.content_type, pieces(captured.body, size)) == list(captured.meaning)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"b=1&a=%C3%BC&b=2"),
        (URLENCODED + ";charset=UTF-8", b"b=1&a=%C3%BC&b=2"),
        (URLENCODED.upper() + " ; charset=iso-8859-1", b"b=1&a=%FC&b=2"),
        (MULTIPART, multipart([Part("b", b"1"), Part("a", "ü".encode()), Part("b", b"2")])),
        (MULTIPART + "; charset=latin-1", multipart([Part("b", b"1"), Part("a", b"\xfc"), Part("b", b"2")])),
    ],
)
@pytest.mark.parametrize("size", [100_000, 1])
async def test_fields_keep_their_order_and_repeats(content_type: str, body: bytes, size: int) -> None:
    fields = await post(form, content_type, pieces(body, size))
    assert isinstance(fields, FormData)
    assert fields.multi_items() == [("b", "1"), ("a", "ü"), ("b", "2")]
    assert fields["b"] == "1"
    assert fields.getlist("b") == ["1", "2"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "multipart/mixed; boundary=x"])
async def test_any_other_body_is_an_empty_form_and_left_alone(content_type: str) -> None:
    async def handler(request: Request) -> bytes:
        assert not await request.form()
        return await request.body()

    assert await post(handler, content_type, b"a=1") == b"a=1"


async def test_a_file_is_sized_rewound_and_has_its_own_headers() -> None:
    async def handler(request: Request) -> None:
        file = (await request.form())["f"]
        assert isinstance(file, DataUpload)
        assert (file.filename, file.size, file.content_type) == ("ü.txt", 5, "text/plain")
        assert file.headers["Content-Disposition"].startswith("form-data")
        assert await file.read(2) == b"he"
        assert await file.read() == b"llo"
        await file.seek(1)
        assert await file.read() == b"ello"

    await post(handler, MULTIPART, multipart([Part("f", b"hello", "ü.txt", "text/plain")]))


async def test_a_form_can_be_entered_and_its_files_are_closed_behind_it() -> None:
    async def handler(request: Request) -> None:
        async with request.form() as fields:
            file = fields["f"]
            assert isinstance(file, DataUpload)
            assert not file.file.closed
        assert file.file.closed
        assert fields["a"] == "1"

    await post(handler, MULTIPART, multipart([Part("a", b"1"), Part("f", b"x", "x")]))


async def test_files_are_closed_when_the_block_raises() -> None:
    async def handler(request: Request) -> DataUpload:
        with pytest.raises(KeyError):
            async with request.form() as fields:
                fields["missing"]
        file = fields["f"]
        assert isinstance(file, DataUpload)
        return file

    file = await post(handler, MULTIPART, multipart([Part("f", b"x", "x")]))
    assert file.file.closed


# -- read once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("content_type", "body"), [(URLENCODED, b"a=1"), (MULTIPART, multipart([Part("a", b"1")]))])
class TestOnce:
    """One form for all who ask."""

    async def test_asked_twice_it_is_the_same_form(self, content_type: str, body: bytes) -> None:
        async def handler(request: Request) -> None:
            fields = await request.form()
            assert await request.form() is fields
            async with request.form() as again:
                assert again is fields

        await post(handler, content_type, body)

    async def test_it_can_be_read_after_the_body(self, content_type: str, body: bytes) -> None:
        async def handler(request: Request) -> None:
            assert await request.body() == body
            assert (await request.form())["a"] == "1"
            assert await request.body() == body

        await post(handler, content_type, body)

    async def test_a_middleware_and_a_handler_get_the_same_form(self, content_type: str, body: bytes) -> None:
        async def handler(request: Request) -> None:
            inner = Request({**request.scope}, request._receive, request._send)
            fields = await inner.form()
            assert fields["a"] == "1"
            assert await request.form() is fields

        await post(handler, content_type, body)

    async def test_several_tasks_may_ask_at_once(self, content_type: str, body: bytes) -> None:
        async def handler(request: Request) -> None:
            forms: list[FormData] = []

            async def ask() -> None:
                forms.append(await request.form())

            async with open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(ask)
            assert forms[0]["a"] == "1"
            assert forms[0] is forms[1] is forms[2]

        await post(handler, content_type, pieces(body, 3))

    async def test_a_middleware_that_changes_the_body_has_a_form_of_its_own(
        self, content_type: str, body: bytes
    ) -> None:
        async def handler(request: Request) -> None:
            async def receive() -> Message:
                return {"type": "http.request", "body": body.replace(b"1", b"2"), "more_body": False}

            inner = Request(request.scope, receive, request._send)
            assert (await inner.form())["a"] == "2"
            assert (await request.form())["a"] == "1"

        await post(handler, content_type, body)

    async def test_after_the_body_was_streamed_there_is_no_form(self, content_type: str, body: bytes) -> None:
        async def handler(request: Request) -> None:
            async for _ in request.stream():
                pass
            with pytest.raises(RuntimeError, match="Stream consumed"):
                await request.form()

        await post(handler, content_type, body)

    async def test_a_client_that_leaves_in_the_middle_is_not_a_bad_form(self, content_type: str, body: bytes) -> None:
        async def handler(request: Request) -> None:
            with pytest.raises(ClientDisconnect):
                await request.form()

        await post(handler, content_type, body[:-1], leaves=True)

    async def test_a_request_outside_an_application_reads_forms_too(self, content_type: str, body: bytes) -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        scope: Scope = {"type": "http", "method": "POST", "path": "/"}
        scope["headers"] = [(b"content-type", content_type.encode())]
        request = Request(scope, receive)
        fields = await request.form()
        assert fields["a"] == "1"
        assert await request.form() is fields


async def test_when_the_reader_fails_the_one_who_waits_is_told_that_the_body_is_gone() -> None:
    async def handler(request: Request) -> None:
        told: list[type[Exception]] = []

        async def ask() -> None:
            try:
                await request.form()
            except Exception as error:
                told.append(type(error))

        async with open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
        assert told == [MultiPartException, RuntimeError]

    await post(handler, MULTIPART, [b"non", b"sense"])


# -- limits and errors -------------------------------------------------------------------------------------------------


def test_every_limit_can_be_given_to_form() -> None:
    assert set(get_type_hints(FormOptions)) == set(get_type_hints(FormLimits))


async def test_a_limit_that_is_none_is_refused_when_it_is_given() -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(ValueError, match="max_files=-1: wanted a number from 0 up"):
            await request.form(max_files=-1)
        with pytest.raises(TypeError, match="max_fils"):
            await request.form(max_fils=1)  # type: ignore[call-arg]

    await post(handler, URLENCODED, b"a=1")


@pytest.mark.parametrize(
    ("content_type", "body", "options", "status", "message"),
    [
        ("multipart/form-data", multipart([]), {}, 400, "Missing boundary in multipart."),
        ("multipart/form-data; boundary=", multipart([]), {}, 400, "Missing boundary in multipart."),
        (
            MULTIPART,
            multipart([b"Content-Type: text/plain\r\n\r\n"]),
            {},
            400,
            'The Content-Disposition header field "name" must be provided.',
        ),
        (
            MULTIPART,
            multipart([Part("f", b"", "x")] * 1001),
            {},
            400,
            "Too many files. Maximum number of files is 1000.",
        ),
        (MULTIPART, multipart([Part("a", b"")] * 1001), {}, 400, "Too many fields. Maximum number of fields is 1000."),
        (URLENCODED, b"a&" * 1001, {}, 400, "Too many fields. Maximum number of fields is 1000."),
        (
            MULTIPART,
            multipart([Part("f", b"", "x")] * 2),
            {"max_files": 1},
            400,
            "Too many files. Maximum number of files is 1.",
        ),
        (URLENCODED, b"a=1&b=2", {"max_fields": 1}, 400, "Too many fields. Maximum number of fields is 1."),
        (
            URLENCODED,
            b"a=12",
            {"max_fields_size": 3},
            413,
            "The text of the form is too large. Maximum size of all fields together is 3 bytes.",
        ),
        (URLENCODED, b"a=12", {"max_body_size": 3}, 413, "The form is too large. Maximum size of a form is 3 bytes."),
        (
            MULTIPART,
            multipart([]),
            {"max_body_size": 3},
            413,
            "The form is too large. Maximum size of a form is 3 bytes.",
        ),
    ],
)
async def test_a_form_over_a_limit_is_refused_with_the_limit(
    content_type: str, body: bytes, options: FormOptions, status: int, message: str
) -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(MultiPartException) as caught:
            await request.form(**options)
        assert (caught.value.status_code, caught.value.message) == (status, message)

    await post(handler, content_type, pieces(body))


@pytest.mark.parametrize(("content_type", "body"), [(URLENCODED, b"a=1"), (MULTIPART, multipart([Part("a", b"1")]))])
async def test_a_body_declared_too_large_is_refused_before_it_is_read(content_type: str, body: bytes) -> None:
    async def handler(request: Request) -> bytes:
        with pytest.raises(MultiPartException, match="413: The form is too large"):
            await request.form(max_body_size=1000)
        return await request.body()

    assert await post(handler, content_type, body, headers=[(b"content-length", b"1001")]) == body


@pytest.mark.parametrize("length", [b"", b"nonsense", b"-1", b"1000"])
async def test_what_is_declared_wrong_is_not_believed(length: bytes) -> None:
    async def handler(request: Request) -> FormData:
        return await request.form(max_body_size=1000)

    assert await post(handler, MULTIPART, multipart([Part("a", b"1")]), headers=[(b"content-length", length)])


@pytest.mark.parametrize(("size", "threaded"), [(60_000, False), (300_000, True)])
async def test_a_large_urlencoded_form_is_decoded_in_a_thread(
    size: int, threaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def parse(body: bytes, limits: FormLimits, charset: str) -> list[tuple[str, str]]:
        threads.append(threading.current_thread() is not threading.main_thread())
        return parse_urlencoded(body, limits, charset)

    monkeypatch.setattr(lilya._forms, "parse_urlencoded", parse)
    fields = await post(form, URLENCODED, pieces(b"a=" + b"%41" * (size // 3)))
    assert fields["a"] == "A" * (size // 3)
    assert threads == [threaded]


# -- data --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/json", b"", None),
        ("text/plain; charset=latin-1", b"\xfc", "ü"),
        ("", b"text", "text"),
        ("application/json", b"{nonsense", b"{nonsense"),
        ("text/plain", b"\xff", b"\xff"),
        ("text/plain; charset=bogus", b"text", b"text"),
    ],
)
async def test_data_is_what_the_body_is_declared_to_be_or_else_its_bytes(
    content_type: str, body: bytes, data: object
) -> None:
    async def handler(request: Request) -> object:
        return await request.data()

    assert await post(handler, content_type, body) == data


@pytest.mark.parametrize(("content_type", "body"), [(URLENCODED, b"a=1"), (MULTIPART, multipart([Part("a", b"1")]))])
async def test_data_of_a_form_is_the_form(content_type: str, body: bytes) -> None:
    async def handler(request: Request) -> None:
        data = await request.data()
        assert isinstance(data, FormData)
        assert data is await request.form()
        assert data["a"] == "1"

    await post(handler, content_type, body)


@pytest.mark.parametrize(("content_type", "body"), [("application/json", b"{"), ("text/plain", b"\xff")])
async def test_data_raises_when_it_is_told_to(content_type: str, body: bytes) -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(BadRequest):
            await request.data(raise_exception=True)

    await post(handler, content_type, body)


async def test_data_of_a_malformed_form_raises() -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(MultiPartException):
            await request.data()

    await post(handler, MULTIPART, b"nonsense")
