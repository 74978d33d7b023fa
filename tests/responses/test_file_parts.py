"""Conditional and range requests to files (RFC 9110 sections 13 and 14)."""

# ruff: noqa: ASYNC240  (what a test does to its files may hold its loop)

from __future__ import annotations

import email
import os
import re
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lilya._sansio.ranges import MultipartByteRanges
from lilya.datastructures._headers import Header
from lilya.ranges import ContentRanges
from lilya.responses.files import FileResponse, ImageResponse, SimpleFileResponse
from lilya.types import Scope
from tests.responses.fetching import Fetched, fetch

CONTENT = b"0123456789" * 10
CHANGED = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "digits.txt"
    path.write_bytes(CONTENT)
    os.utime(path, (CHANGED, CHANGED))
    return path


def parts_of(fetched: Fetched) -> list[tuple[str, bytes]]:
    """The parts of a multipart/byteranges body, as the standard library reads them."""
    head = f"content-type: {fetched.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + fetched.body, policy=HTTP)
    return [(str(part["content-range"]), bytes(part.get_content(), "ascii")) for part in message.iter_parts()]


# -- one part -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "where", "body"),
    [
        ("bytes=0-9", "0-9", CONTENT[:10]),
        ("bytes=0-0", "0-0", b"0"),
        ("bytes=95-", "95-99", b"56789"),
        ("bytes=-5", "95-99", b"56789"),
        ("bytes=-500", "0-99", CONTENT),
        ("bytes=90-500", "90-99", CONTENT[90:]),
        ("bytes=5", "5-5", b"5"),
        ("bytes=0-4,5-9", "0-9", CONTENT[:10]),
        ("bytes=98-99,200-", "98-99", b"89"),
    ],
)
async def test_a_part_is_sent_as_it_was_asked_for(path: Path, field: str, where: str, body: bytes) -> None:
    for response in (FileResponse(path), FileResponse(path, stat_result=path.stat()), SimpleFileResponse(CONTENT)):
        fetched = await fetch(response, headers={"range": field})
        assert fetched.status == 206
        assert fetched.headers["content-range"] == f"bytes {where}/100"
        assert fetched.headers["content-length"] == str(len(body))
        assert fetched.body == body


@pytest.mark.parametrize(
    "field", ["bytes=a-b", "bytes=9-0", "lines=0-1", "bytes=", "bytes=0-1,5-6", "bytes=5-6,0-1", "bytes=0-5,3-9"]
)
async def test_what_cannot_be_understood_or_is_not_offered_gets_the_whole(path: Path, field: str) -> None:
    for response in (FileResponse(path), SimpleFileResponse(CONTENT)):
        fetched = await fetch(response, headers={"range": field})
        assert (fetched.status, fetched.body) == (200, CONTENT)
        assert "content-range" not in fetched.headers


@pytest.mark.parametrize("field", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,200-"])
async def test_parts_that_lie_outside_are_not_satisfiable(path: Path, field: str) -> None:
    for response in (FileResponse(path, filename="a.txt"), SimpleFileResponse(CONTENT, filename="a.txt")):
        fetched = await fetch(response, headers={"range": field})
        assert fetched.status == 416
        assert fetched.headers["content-range"] == "bytes */100"
        assert fetched.headers["content-length"] == str(len(fetched.body))
        assert fetched.headers["content-type"] == "text/plain; charset=utf-8"
        assert "content-disposition" not in fetched.headers
        assert fetched.body == f"Content range {field} is not satisfiable.".encode()


async def test_nothing_can_be_had_of_nothing(path: Path) -> None:
    path.write_bytes(b"")
    for response in (FileResponse(path), SimpleFileResponse(b"")):
        assert (await fetch(response, headers={"range": "bytes=0-"})).headers["content-range"] == "bytes */0"
        assert (await fetch(response, headers={"range": "bytes=-5"})).status == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "QUERY"])
async def test_only_get_asks_for_parts(path: Path, method: str) -> None:
    for response in (FileResponse(path), SimpleFileResponse(CONTENT)):
        fetched = await fetch(response, method=method, headers={"range": "bytes=0-1", "if-none-match": '"x"'})
        assert (fetched.status, fetched.headers["content-length"]) == (200, "100")


async def test_only_a_200_has_parts_and_only_a_2xx_conditions(path: Path) -> None:
    headers = {"range": "bytes=0-1", "if-none-match": "*"}
    for response in (FileResponse(path, status_code=404), SimpleFileResponse(CONTENT, status_code=404)):
        fetched = await fetch(response, headers=headers)
        assert (fetched.status, fetched.body) == (404, CONTENT)
        assert "accept-ranges" not in fetched.headers


async def test_parts_can_be_declined(path: Path) -> None:
    for response in (
        FileResponse(path, allow_range_requests=False),
        SimpleFileResponse(CONTENT, allow_range_requests=False),
    ):
        fetched = await fetch(response, headers={"range": "bytes=0-1"})
        assert fetched.status == 200
        assert "accept-ranges" not in fetched.headers


# -- several parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", [True, "between"])
async def test_several_parts_are_framed_and_counted_exactly(path: Path, boundary: bool | str) -> None:
    for response in (
        FileResponse(path, range_multipart_boundary=boundary),
        SimpleFileResponse(CONTENT, filename="a.txt", range_multipart_boundary=boundary),
    ):
        fetched = await fetch(response, headers={"range": "bytes=0-1,50-52,-1"})
        assert fetched.status == 206
        assert "content-range" not in fetched.headers
        assert fetched.headers["content-length"] == str(len(fetched.body))
        assert parts_of(fetched) == [
            ("bytes 0-1/100", b"01"),
            ("bytes 50-52/100", b"012"),
            ("bytes 99-99/100", b"9"),
        ]
        assert fetched.body.count(b"content-type: text/plain; charset=utf-8\r\n") == 3
        assert re.search("boundary=(between|[0-9a-f]{32})$", fetched.headers["content-type"])


async def test_a_boundary_is_never_the_same(path: Path) -> None:
    response = FileResponse(path, range_multipart_boundary=True)
    headers = {"range": "bytes=0-1,50-52"}
    first, second = [(await fetch(response, headers=headers)).headers["content-type"] for _ in range(2)]
    assert first != second


async def test_one_part_is_not_framed(path: Path) -> None:
    response = FileResponse(path, range_multipart_boundary=True)
    assert (await fetch(response, headers={"range": "bytes=0-1"})).body == b"01"


async def test_more_parts_than_are_worth_it_get_the_whole(path: Path) -> None:
    response = FileResponse(path, range_multipart_boundary=True)
    field = "bytes=" + ",".join(f"{start}-{start}" for start in range(0, 12, 2))
    assert (await fetch(response, headers={"range": field})).status == 200


def test_a_boundary_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="is no multipart boundary"):
        FileResponse("x", range_multipart_boundary="a\r\nb")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(spans=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)), min_size=1, max_size=4))
async def test_whatever_is_asked_for_what_comes_is_what_it_says(path: Path, spans: list[tuple[int, int]]) -> None:
    response = FileResponse(path, range_multipart_boundary=True)
    fetched = await fetch(response, headers={"range": "bytes=" + ",".join(f"{a}-{b}" for a, b in spans)})
    assert int(fetched.headers["content-length"]) == len(fetched.body)
    parts = [(fetched.headers.get("content-range", "bytes 0-99/100"), fetched.body)]
    if fetched.headers["content-type"].startswith("multipart"):
        parts = parts_of(fetched)
    for where, body in parts if fetched.status != 416 else ():
        start, stop = (int(number) for number in re.findall(r"\d+", where)[:2])
        assert body == CONTENT[start : stop + 1]


# -- conditions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": '"v1"'}, 304),
        ({"if-none-match": 'W/"v1"'}, 304),
        ({"if-none-match": '"v0", "v1"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"v0"'}, 200),
        ({"if-none-match": "v1"}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": AFTER}, 304),
        ({"if-modified-since": BEFORE}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-none-match": '"v0"', "if-modified-since": AFTER}, 200),
        ({"if-match": '"v1"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"v0"'}, 412),
        ({"if-match": 'W/"v1"'}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": BEFORE}, 412),
        ({"if-match": '"v0"', "if-none-match": '"v1"'}, 412),
        ({"if-none-match": '"v1"', "range": "bytes=0-1"}, 304),
        ({"if-match": '"v0"', "range": "bytes=999-"}, 412),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", [True, False])
async def test_conditions_decide(path: Path, headers: dict[str, str], status: int, method: str, known: bool) -> None:
    response = FileResponse(path, headers={"etag": '"v1"'}, stat_result=path.stat() if known else None)
    fetched = await fetch(response, method=method, headers=headers)
    assert fetched.status == status
    assert fetched.body == (CONTENT if status == 200 and method == "GET" else b"")


@pytest.mark.parametrize("headers", [{"if-none-match": "*"}, {"if-match": '"other"'}])
async def test_what_describes_a_content_is_not_told_without_it(path: Path, headers: dict[str, str]) -> None:
    given = {"cache-control": "max-age=60", "vary": "accept", "content-language": "de", "content-location": "/x"}
    fetched = await fetch(FileResponse(path, headers=given, filename="a.txt"), headers=headers)
    left = fetched.headers
    assert re.fullmatch('"[0-9a-f]{32}"', left.pop("etag"))
    if fetched.status == 412:
        assert left.pop("content-length") == "0"
    assert left == {"cache-control": "max-age=60", "vary": "accept", "content-location": "/x"}


async def test_without_an_entity_tag_a_304_tells_the_time() -> None:
    response = SimpleFileResponse(CONTENT, headers={"last-modified": DATE})
    fetched = await fetch(response, headers={"if-modified-since": DATE})
    assert (fetched.status, fetched.headers) == (304, {"last-modified": DATE})


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"v1"', 206), ('"v0"', 200), ('W/"v1"', 200), ("v1", 200), (DATE, 206), (AFTER, 200), (BEFORE, 200)],
)
async def test_parts_are_sent_if_they_fit_what_the_client_has(path: Path, condition: str, status: int) -> None:
    for response in (
        FileResponse(path, headers={"etag": '"v1"'}),
        SimpleFileResponse(CONTENT, headers={"etag": '"v1"', "last-modified": DATE}),
    ):
        fetched = await fetch(response, headers={"range": "bytes=0-1", "if-range": condition})
        assert fetched.status == status


async def test_the_validators_of_a_file_serve_to_resume_it(path: Path) -> None:
    response = FileResponse(path)
    first = await fetch(response)
    assert first.headers["last-modified"] == DATE
    for condition in (first.headers["etag"], DATE):
        fetched = await fetch(response, headers={"range": "bytes=50-", "if-range": condition})
        assert (fetched.status, fetched.body) == (206, CONTENT[50:])
    os.utime(path, (CHANGED + 1, CHANGED + 1))
    for condition in (first.headers["etag"], DATE):
        assert (await fetch(response, headers={"range": "bytes=50-", "if-range": condition})).status == 200


# -- hooks --------------------------------------------------------------------------------------------------------


async def test_every_rule_about_parts_can_be_overridden(path: Path) -> None:
    class Own(FileResponse):
        def get_content_ranges_and_multipart(self, scope: Scope, /, **kwargs: Any) -> tuple[ContentRanges | None, bool]:
            return super().get_content_ranges_and_multipart(scope, enforce_asc=False, merge_ranges=False, **kwargs)

        def check_if_range(self, scope: Scope, headers: Header) -> bool:
            return True

        def make_boundary(self) -> str:
            return "own"

        def set_range_headers(
            self, headers: Header, ranges: ContentRanges, multipart: MultipartByteRanges | None
        ) -> None:
            super().set_range_headers(headers, ranges, multipart)
            headers["x-parts"] = str(len(ranges.ranges))

    response = Own(path, range_multipart_boundary=True)
    fetched = await fetch(response, headers={"range": "bytes=50-51,0-1", "if-range": '"other"'})
    assert fetched.headers["content-type"] == "multipart/byteranges; boundary=own"
    assert fetched.headers["x-parts"] == "2"
    assert parts_of(fetched) == [("bytes 50-51/100", b"01"), ("bytes 0-1/100", b"01")]
    single = await fetch(response, headers={"range": "bytes=7-7"})
    assert (single.body, single.headers["x-parts"]) == (b"7", "1")


# -- files in memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "media_type"),
    [
        ({"content": b"GIF89a..."}, "image/gif"),
        ({"content": b"GIF89a...", "filename": "a.png"}, "image/png"),
        ({"content": b"GIF89a...", "filename": "a.png", "deduce_media_type_from_body": True}, "image/gif"),
        ({"content": b"GIF89a...", "filename": "a", "deduce_media_type_from_body": None}, "image/gif"),
        ({"content": b"GIF89a...", "filename": "a", "deduce_media_type_from_body": False}, "application/octet-stream"),
        ({"content": b"GIF89a...", "media_type": "image/x"}, "image/x"),
        ({"content": "text"}, "text/plain; charset=utf-8"),
    ],
)
async def test_what_a_file_in_memory_is(options: Any, media_type: str) -> None:
    assert (await fetch(ImageResponse(**options))).headers["content-type"] == media_type


async def test_a_file_in_memory_is_shown_unless_it_is_to_be_saved() -> None:
    assert SimpleFileResponse(b"x").headers["content-disposition"] == "inline"
    response = SimpleFileResponse(b"x", filename="a.txt", content_disposition_type="attachment")
    assert response.headers["content-disposition"] == 'attachment; filename="a.txt"'
    assert "content-disposition" not in SimpleFileResponse(b"x", content_disposition_type=None).headers


async def test_a_file_in_memory_may_be_awaited() -> None:
    async def load() -> bytes:
        return CONTENT

    fetched = await fetch(SimpleFileResponse(load()), headers={"range": "bytes=98-"})
    assert (fetched.status, fetched.body) == (206, b"89")
    assert fetched.headers["content-type"] == "text/plain; charset=utf-8"


async def test_background_work_follows_whatever_was_answered() -> None:
    done: list[int] = []

    async def background() -> None:
        done.append(1)

    response = SimpleFileResponse(CONTENT, background=background)
    for headers in ({}, {"range": "bytes=0-1"}, {"range": "bytes=999-"}, {"if-none-match": "*"}):
        await fetch(response, headers=headers)
    assert len(done) == 4
