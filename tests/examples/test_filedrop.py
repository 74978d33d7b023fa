"""`examples/filedrop`, run as its README says."""

from __future__ import annotations

import hashlib
import signal
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.harness import Process, program
from tests.e2e.whole import until
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def process(folder: Path) -> Iterator[Process]:
    with program(EXAMPLES / "filedrop" / "app.py", "127.0.0.1:0", str(folder)) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()


@pytest.fixture
def client(process: Process) -> Iterator[httpx.Client]:
    with process.client() as client:
        yield client


def put(client: httpx.Client, name: str, content: bytes, offset: int = 0, length: int | None = None) -> httpx.Response:
    headers = {"upload-offset": str(offset)}
    if length is not None:
        headers["upload-length"] = str(length)
    return client.patch(f"/files/{quote(name, safe='')}", content=content, headers=headers)


def memory(process: Process) -> int:
    """The most it has ever had, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def test_what_is_uploaded_can_be_downloaded_whole_and_in_parts(client: httpx.Client) -> None:
    answer = put(client, "Übersicht.txt", b"0123456789")
    assert (answer.status_code, answer.json()) == (201, {"name": "Übersicht.txt"})
    file = client.get("/files/Übersicht.txt")
    assert (file.content, file.headers["x-content-type-options"]) == (b"0123456789", "nosniff")
    assert file.headers["content-disposition"].startswith("attachment")
    rest = client.get("/files/Übersicht.txt", headers={"range": "bytes=4-", "if-range": file.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, b"456789")
    assert [(each["name"], each["size"]) for each in client.get("/files").json()] == [("Übersicht.txt", 10)]
    assert client.get("/files/nothing").status_code == 404


def test_a_large_upload_takes_no_memory(process: Process, client: httpx.Client, folder: Path) -> None:
    assert put(client, "warm", bytes(2 * MIB)).status_code == 201
    before, digest = memory(process), hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for number in range(200):
            piece = number.to_bytes(4, "big") * (MIB // 4)
            digest.update(piece)
            yield piece

    answer = client.patch("/files/large", content=pieces(), headers={"upload-length": str(200 * MIB)})
    assert answer.status_code == 201
    assert memory(process) - before < 16 * MIB
    with (folder / "large").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == digest.digest()


def test_an_upload_that_was_broken_off_is_continued_also_after_a_restart(folder: Path) -> None:
    content = bytes(range(256)) * 4096
    length = {"upload-length": str(len(content))}
    app = EXAMPLES / "filedrop" / "app.py"
    with program(app, "127.0.0.1:0", str(folder)) as process, process.client() as client:
        sock = process.connect()
        head = f"PATCH /files/film HTTP/1.1\r\nHost: a\r\nContent-Length: {len(content)}\r\n\r\n"
        sock.sendall(head.encode() + content[: MIB // 2])
        until(lambda: client.get("/parts/film", headers=length).status_code == 423, process)
        with process.client() as other:  # of its own: the server ends a connection whose body nobody has read
            assert put(other, "film", content).status_code == 423
        sock.close()
        until(lambda: client.get("/parts/film", headers=length).status_code == 200, process)
        assert client.get("/parts/film", headers=length).json() == {"offset": MIB // 2}
        assert client.get("/files").json() == []
        assert put(client, "film", content[MIB // 2 : MIB // 2 + 5], MIB // 2, len(content)).status_code == 204
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
    with program(app, "127.0.0.1:0", str(folder)) as process, process.client() as client:
        with process.client() as other:
            wrong = put(other, "film", content)
        assert (wrong.status_code, wrong.headers["upload-offset"]) == (409, str(MIB // 2 + 5))
        assert put(client, "film", content[MIB // 2 + 5 :], MIB // 2 + 5, len(content)).status_code == 201
        assert client.get("/files/film").content == content


def test_a_part_can_be_thrown_away(client: httpx.Client) -> None:
    assert put(client, "a", b"123", length=10).status_code == 204
    assert client.get("/parts/a", headers={"upload-length": "10"}).json() == {"offset": 3}
    assert client.delete("/parts/a", headers={"upload-length": "10"}).status_code == 200
    assert client.get("/parts/a", headers={"upload-length": "10"}).json() == {"offset": 0}


def test_nothing_is_ever_overwritten(client: httpx.Client) -> None:
    names = [put(client, "a.txt", content).json()["name"] for content in (b"1", b"2", b"3")]
    assert names == ["a.txt", "a (2).txt", "a (3).txt"]
    assert [client.get(f"/files/{name}").text for name in names] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (r"..\..\evil.txt", "evil.txt"),
        (".bashrc", "bashrc"),
        ("a:b|c?.txt", "a_b_c_.txt"),
        ("tab\tnew\nline", "tab_new_line"),
        ("gnp\u202etxt", "gnp_txt"),
        ("NUL.txt", "_NUL.txt"),
        ("x" * 300 + ".mkv", "x" * 196 + ".mkv"),
        ("ü" * 150, "ü" * 100),
        (unicodedata.normalize("NFD", "é"), "é"),
        ("-rf *", "-rf _"),
    ],
)
def test_names_are_made_safe(client: httpx.Client, folder: Path, sent: str, kept: str) -> None:
    assert put(client, sent, b"x").json() == {"name": kept}
    assert [path.name for path in folder.iterdir() if path.name != ".parts"] == [kept]


def test_what_makes_no_sense_is_refused(client: httpx.Client) -> None:
    assert put(client, "...", b"x").status_code == 400
    assert put(client, "a", b"x", offset=-1).status_code == 400
    assert put(client, "a", b"x", length=1 << 40).status_code == 413
    assert put(client, "a", b"too much", length=3).status_code == 413
    assert client.get("/parts/a").status_code == 400
    assert client.get("/files/..%2f..%2fetc%2fpasswd").status_code == 404
    assert client.get("/files/.parts").status_code == 404
