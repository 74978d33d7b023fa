"""Directories are served, and nothing that is not in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lilya.apps import Lilya
from lilya.datastructures._headers import Header
from lilya.exceptions import ContinueRouting, HTTPException, ImproperlyConfigured, NotFound
from lilya.responses.base import PlainText, Response
from lilya.routing._include import Include
from lilya.routing._path import Path as Route
from lilya.routing._router import Router
from lilya.staticfiles import StaticFiles, parts_of
from lilya.types import Receive, Scope, Send
from tests.responses.fetching import Fetched, fetch

SECRET = b"TOP SECRET"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory to serve, with a secret beside it."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "docs" / "deep").mkdir(parents=True)
    (root / ".well-known").mkdir()
    (root / "hello.txt").write_bytes(b"hello")
    (root / "docs" / "index.html").write_bytes(b"<h1>docs")
    (root / "docs" / "deep" / "page.html").write_bytes(b"<h1>page")
    (root / ".well-known" / "security.txt").write_bytes(b"contact")
    (root / "two words ä.txt").write_bytes(b"name")
    (root / "rooted").mkdir()
    return root


async def in_app(files: StaticFiles, target: str, prefix: str = "/static", **options: Any) -> Fetched:
    return await fetch(Lilya(routes=[Include(prefix, app=files)]), target, **options)


# -- what is there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/hello.txt", b"hello"),
        ("/docs/deep/page.html", b"<h1>page"),
        ("/.well-known/security.txt", b"contact"),
        ("/two%20words%20%C3%A4.txt", b"name"),
        ("//hello.txt", b"hello"),
        ("/docs/./deep//page.html", b"<h1>page"),
    ],
)
async def test_a_file_is_served_alone_and_under_a_prefix(root: Path, target: str, body: bytes) -> None:
    files = StaticFiles(directory=root)
    assert (await fetch(files, target)).body == body
    assert (await in_app(files, "/static" + target)).body == body
    assert (await in_app(files, target, prefix="")).body == body
    assert (await fetch(files, "/a/b" + target, root_path="/a/b")).body == body


async def test_a_file_is_served_as_file_response_has_it(root: Path) -> None:
    files = StaticFiles(directory=str(root))
    fetched = await fetch(files, "/hello.txt")
    assert fetched.headers["content-type"] == "text/plain; charset=utf-8"
    etag, date = fetched.headers["etag"], fetched.headers["last-modified"]
    assert (await fetch(files, "/hello.txt", headers={"range": "bytes=1-2", "if-range": etag})).body == b"el"
    assert (await fetch(files, "/hello.txt", headers={"if-none-match": f'"x", W/{etag}'})).status == 304
    assert (await fetch(files, "/hello.txt", headers={"if-modified-since": date})).status == 304
    assert (await fetch(files, "/hello.txt", headers={"if-none-match": '"x"', "if-modified-since": date})).status == 200
    assert (await fetch(files, "/hello.txt", headers={"if-match": '"x"'})).status == 412
    head = await fetch(files, "/hello.txt", method="HEAD")
    assert (head.headers, head.body) == (fetched.headers, b"")


async def test_several_directories_are_searched_in_order(root: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    (over / "docs").mkdir(parents=True)
    (over / "hello.txt").write_bytes(b"over")
    files = StaticFiles(directory=[over, root], html=True)
    assert (await fetch(files, "/hello.txt")).body == b"over"
    assert (await fetch(files, "/docs/deep/page.html")).body == b"<h1>page"
    assert (await fetch(files, "/docs/")).body == b"<h1>docs"


async def test_packages_have_their_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, directory in (("lilya_pictures", "statics"), ("lilya_styles", "css")):
        (tmp_path / name / directory).mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / directory / f"{name}.css").write_text(name)
    monkeypatch.syspath_prepend(tmp_path)
    files = StaticFiles(packages=["lilya_pictures", ("lilya_styles", "css")])
    assert (await fetch(files, "/lilya_pictures.css")).body == b"lilya_pictures"
    assert (await fetch(files, "/lilya_styles.css")).body == b"lilya_styles"
    with pytest.raises(AssertionError, match="Directory 'statics' in package 'lilya_styles'"):
        StaticFiles(packages=["lilya_styles"])
    with pytest.raises(AssertionError, match="Package 'lilya_nothing' could not be found"):
        StaticFiles(packages=["lilya_nothing"])
    with pytest.raises(AssertionError, match="Package 'sys' could not be found"):
        StaticFiles(packages=["sys"])
    assert "lilya_pictures" not in sys.modules


# -- what is not there --------------------------------------------------------------------------------------------

ESCAPES = [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/%5c..%5csecret.txt",
    "/docs/../../secret.txt",
    "/docs/%2e%2e/%2e%2e/secret.txt",
    "/docs/../hello.txt",
    "/%252e%252e/secret.txt",
    "/%00",
    "/hello.txt%00.png",
    "/%00/../../secret.txt",
    "/hello.txt%5c",
    "/c:%5cwindows%5cwin.ini",
    "/" + "x" * 300,
    "/" + "x/" * 3000,
    "/%ff%fe",
    "/missing",
    "/hello.txt/",
    "/hello.txt/below",
    "/docs",
    "/docs/",
    "/",
    "",
    "/CON",
    "/hello.txt::$DATA",
]


@pytest.mark.parametrize("target", ESCAPES)
@pytest.mark.parametrize("follow_symlink", [False, True])
async def test_what_is_not_there_or_leads_elsewhere_is_not_found(root: Path, target: str, follow_symlink: bool) -> None:
    files = StaticFiles(directory=root, follow_symlink=follow_symlink)
    fetched = await fetch(files, target or "/")
    assert (fetched.status, fetched.body) == (404, b"Not Found")
    assert (await in_app(files, "/static" + target)).status == 404


async def test_an_absolute_path_is_looked_for_inside(root: Path, tmp_path: Path) -> None:
    files = StaticFiles(directory=root)
    for target in (f"{tmp_path}/secret.txt", f"/{tmp_path}/secret.txt", f"/%2f{tmp_path}/secret.txt"):
        assert (await fetch(files, target)).status == 404


async def test_a_lone_surrogate_in_a_path_is_not_found(root: Path) -> None:
    assert (await fetch(StaticFiles(directory=root), "/", path="/\ud800")).status == 404


PIECES = st.sampled_from(
    ["..", ".", "", "docs", "root", "secret.txt", "hello.txt", "\\", "\0", "link", "%2e%2e", "~", "...", " ", "con:"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(pieces=st.lists(PIECES, max_size=7), separator=st.sampled_from(["/", "//", "\\", "/./"]))
def test_no_path_leads_out(root: Path, pieces: list[str], separator: str) -> None:
    if not (root / "link").exists():
        (root / "link").symlink_to("..")
    full_path, found = StaticFiles(directory=root).lookup_path(separator.join(pieces))
    assert found is None or Path(full_path) == root or root in Path(full_path).parents


# -- links --------------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(root: Path, tmp_path: Path) -> Path:
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "relative.txt").symlink_to("../secret.txt")
    (root / "up").symlink_to("..")
    (root / "in.css").symlink_to("hello.txt")
    (root / "dir").symlink_to("docs")
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to("missing")
    return root


LEADING_OUT = ["/out.txt", "/relative.txt", "/up/secret.txt"]


@pytest.mark.parametrize("target", LEADING_OUT)
async def test_a_link_that_leads_out_is_followed_only_when_asked_for(linked: Path, target: str) -> None:
    assert (await fetch(StaticFiles(directory=linked), target)).status == 404
    assert (await fetch(StaticFiles(directory=linked, follow_symlink=True), target)).body == SECRET


@pytest.mark.parametrize("follow_symlink", [False, True])
async def test_a_link_that_stays_inside_is_followed(linked: Path, follow_symlink: bool) -> None:
    files = StaticFiles(directory=linked, follow_symlink=follow_symlink)
    fetched = await fetch(files, "/in.css")
    assert fetched.body == b"hello"
    assert fetched.headers["content-type"] == "text/css; charset=utf-8"  # by the name it was asked for
    assert (await fetch(files, "/dir/index.html")).body == b"<h1>docs"
    assert (await fetch(files, "/loop")).status == 404
    assert (await fetch(files, "/nowhere")).status == 404


async def test_the_directory_itself_may_be_a_link_and_may_change(root: Path, tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.symlink_to("root")
    files = StaticFiles(directory=current)
    assert (await fetch(files, "/hello.txt")).body == b"hello"
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "hello.txt").write_bytes(b"next")
    current.unlink()
    current.symlink_to("next")
    assert (await fetch(files, "/hello.txt")).body == b"next"


async def test_a_directory_whose_name_begins_like_the_root_is_outside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "root-private").mkdir()
    (tmp_path / "root-private" / "x").write_bytes(SECRET)
    (root / "beside").symlink_to("../root-private")
    assert (await fetch(StaticFiles(directory=root), "/beside/x")).status == 404


@pytest.mark.parametrize(
    "name",
    ["con", "NUL.txt", "com1", "LPT9.x.y", "aux .txt", "a.txt.", "a.txt ", "a:b", "file::$DATA", "c:", "a?b", "CONIN$"],
)
def test_names_that_mean_something_else_on_windows_are_none_there(name: str) -> None:
    assert parts_of(f"a/{name}/b", windows=True) is None
    assert parts_of(f"a/{name}/b", windows=False) == ["a", name, "b"]


@pytest.mark.parametrize("name", ["console", "a.con", "company1", "a b.txt", ".well-known", "lpt"])
def test_names_that_only_look_like_it_are_fine_on_windows(name: str) -> None:
    assert parts_of(name, windows=True) == [name]


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_files_are_only_read(root: Path, method: str) -> None:
    fetched = await fetch(StaticFiles(directory=root), "/hello.txt", method=method)
    assert (fetched.status, fetched.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("where", ["lookup", "opening"])
async def test_what_may_not_be_read_is_forbidden(root: Path, where: str) -> None:
    class Guarded(StaticFiles):
        def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
            if where == "lookup":
                raise PermissionError("not for you")
            return super().lookup_path(path)

        def file_response(self, *args: Any, **options: Any) -> Response:
            class Unreadable(PlainText):
                async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                    raise PermissionError("not for you")

            return Unreadable()

    assert (await fetch(Guarded(directory=root), "/hello.txt")).status == 403


async def test_other_errors_of_the_system_are_not_hidden(root: Path) -> None:
    class Broken(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(root)

    class Failing(StaticFiles):
        def _inside(self, directory: str, path: str) -> str | None:
            raise OSError(5, "input/output error")

    with pytest.raises(OSError, match="input/output error"):
        await fetch(Failing(directory=Broken()), "/hello.txt")


async def test_the_handlers_of_an_application_see_what_is_refused(root: Path) -> None:
    async def handle(request: Any, exc: HTTPException) -> PlainText:
        return PlainText(f"{type(exc).__name__} {exc.status_code}", status_code=exc.status_code)

    app = Lilya(
        routes=[Include("/static", app=StaticFiles(directory=root))],
        exception_handlers={NotFound: handle, 405: handle},
    )
    assert (await fetch(app, "/static/x")).body == b"NotFound 404"
    assert (await fetch(app, "/static/x", method="POST")).body == b"MethodNotAllowed 405"


async def test_in_a_foreign_framework_it_answers_by_itself(root: Path) -> None:
    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        await StaticFiles(directory=root)({**scope, "app": framework, "root_path": "/static"}, receive, send)

    fetched = await fetch(framework, "/static/x")
    assert (fetched.status, fetched.body) == (404, b"Not Found")


async def test_under_a_router_used_alone_it_answers_by_itself(root: Path) -> None:
    router = Router(routes=[Include("/static", app=StaticFiles(directory=root))])
    assert (await fetch(router, "/static/x")).status == 404
    assert (await fetch(router, "/static/hello.txt")).body == b"hello"


async def test_a_websocket_is_refused(root: Path) -> None:
    fetched = await fetch(
        StaticFiles(directory=root), "/hello.txt", type="websocket", extensions=["websocket.http.response"]
    )
    assert fetched.messages[0]["type"] == "websocket.http.response.start"
    assert fetched.status == 404


async def test_it_has_no_lifespan() -> None:
    with pytest.raises(RuntimeError, match="serves http, not lifespan"):
        await fetch(StaticFiles(directory="."), type="lifespan")


# -- falling through ----------------------------------------------------------------------------------------------


async def test_what_is_not_here_may_be_for_the_next_route(root: Path) -> None:
    async def page() -> str:
        return "page"

    async def form() -> str:
        return "form"

    files = StaticFiles(directory=root, fall_through=True, html=True)
    routes = [Include("/", app=files), Route("/page", page), Route("/hello.txt", form, methods=["POST"])]
    app = Lilya(routes=routes, redirect_slashes=False)
    assert (await fetch(app, "/hello.txt")).body == b"hello"
    assert (await fetch(app, "/page")).body == b'"page"'
    assert (await fetch(app, "/hello.txt", method="POST")).body == b'"form"'
    assert (await fetch(app, "/nowhere")).status == 404


async def test_falling_through_comes_before_the_page_for_what_is_missing(root: Path) -> None:
    (root / "404.html").write_bytes(b"missing")
    files = StaticFiles(directory=root, fall_through=True, html=True)
    with pytest.raises(ContinueRouting):
        await files.get_response("nowhere", {"method": "GET", "path": "/nowhere", "headers": []})
    assert (await fetch(files, "/nowhere")).body == b"Not Found"  # alone there is no next one


# -- html ---------------------------------------------------------------------------------------------------------


async def test_a_directory_is_answered_with_its_index(root: Path) -> None:
    (root / "index.html").write_bytes(b"<h1>home")
    files = StaticFiles(directory=root, html=True)
    fetched = await fetch(files, "/docs/")
    assert (fetched.body, fetched.headers["content-type"]) == (b"<h1>docs", "text/html; charset=utf-8")
    assert (await fetch(files, "/")).body == b"<h1>home"
    assert (await in_app(files, "/static/")).body == b"<h1>home"
    assert (await fetch(files, "/docs/deep/")).status == 404


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/static/docs", "http://testserver/static/docs/"),
        ("/static/docs?q=1", "http://testserver/static/docs/?q=1"),
        ("/static", "http://testserver/static/"),
    ],
)
async def test_a_missing_slash_is_added_for_the_sake_of_relative_links(root: Path, target: str, location: str) -> None:
    (root / "index.html").write_bytes(b"<h1>home")
    fetched = await in_app(StaticFiles(directory=root, html=True), target)
    assert (fetched.status, fetched.headers["location"]) == (307, location)


async def test_no_redirect_leads_to_another_host(root: Path) -> None:
    for host in ({}, {"host": ""}):
        fetched = await fetch(StaticFiles(directory=root, html=True), "//docs", headers=host, server=None)
        assert fetched.headers["location"] in ("http://testserver//docs/", "/.//docs/")


async def test_what_is_missing_may_have_a_page(root: Path) -> None:
    (root / "404.html").write_bytes(b"<h1>missing")
    files = StaticFiles(directory=root, html=True)
    for target in ("/nowhere", "/../secret.txt", "/docs/deep/"):
        fetched = await fetch(files, target, headers={"if-none-match": "*", "range": "bytes=0-1"})
        assert (fetched.status, fetched.body) == (404, b"<h1>missing")
        assert fetched.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_directory_called_like_a_page_is_none(root: Path) -> None:
    (root / "404.html").mkdir()
    (root / "rooted" / "index.html").mkdir()
    files = StaticFiles(directory=root, html=True)
    assert (await fetch(files, "/rooted/")).body == b"Not Found"


# -- packed files -------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(root: Path) -> Path:
    (root / "app.js").write_bytes(b"plain")
    for suffix in ("br", "zst", "gz"):
        (root / f"app.js.{suffix}").write_bytes(suffix.encode())
    for name in ("app.js", "app.js.br", "app.js.zst", "app.js.gz"):
        os.utime(root / name, (1e9, 1e9))
    return root


@pytest.mark.parametrize(
    ("accept", "coding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", b"br"),
        ("gzip, zstd", "zstd", b"zst"),
        ("gzip", "gzip", b"gz"),
        ("gzip;q=1, br;q=0.1", "gzip", b"gz"),
        ("br;q=0, gzip;q=0", None, b"plain"),
        ("identity", None, b"plain"),
        ("identity;q=0, deflate", None, b"plain"),
        (None, None, b"plain"),
    ],
)
async def test_a_packed_file_is_sent_to_whom_it_pleases(
    packed: Path, accept: str | None, coding: str | None, body: bytes
) -> None:
    files = StaticFiles(directory=packed, precompressed=True)
    fetched = await fetch(files, "/app.js", headers={} if accept is None else {"accept-encoding": accept})
    assert fetched.body == body
    assert fetched.headers.get("content-encoding") == coding
    assert fetched.headers["content-type"] == "text/javascript; charset=utf-8"
    assert fetched.headers["vary"] == "Accept-Encoding"
    headers = {"accept-encoding": accept or "identity", "if-none-match": fetched.headers["etag"]}
    again = await fetch(files, "/app.js", headers=headers)
    assert (again.status, again.headers["vary"]) == (304, "Accept-Encoding")


async def test_packed_files_are_for_those_who_asked_for_them(packed: Path) -> None:
    fetched = await fetch(StaticFiles(directory=packed), "/app.js", headers={"accept-encoding": "br"})
    assert (fetched.body, "vary" in fetched.headers) == (b"plain", False)


async def test_a_packed_file_that_is_older_than_the_plain_one_is_not_sent(packed: Path) -> None:
    os.utime(packed / "app.js", (1e9 + 1, 1e9 + 1))
    files = StaticFiles(directory=packed, precompressed=True)
    assert (await fetch(files, "/app.js", headers={"accept-encoding": "br, gzip"})).body == b"plain"


async def test_a_packed_file_is_looked_for_only_beside_the_plain_one(packed: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    over.mkdir()
    (over / "app.js").write_bytes(b"over")
    os.utime(over / "app.js", (0, 0))
    (over / "app.js.gz").symlink_to("../secret.txt")
    (over / "app.js.zst").mkdir()
    files = StaticFiles(directory=[over, packed], precompressed=True, follow_symlink=True)
    assert (await fetch(files, "/app.js", headers={"accept-encoding": "br, zstd, gzip"})).body == b"over"


async def test_a_packed_file_can_be_had_as_itself(packed: Path) -> None:
    fetched = await fetch(StaticFiles(directory=packed, precompressed=True), "/app.js.gz")
    assert fetched.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in fetched.headers


# -- configuration and hooks --------------------------------------------------------------------------------------


def test_directories_must_be_there_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^Directory '.*missing' does not exist$"):
        StaticFiles(directory=[tmp_path, tmp_path / "missing"])
    nothings: list[list[str] | None] = [None, []]
    for nothing in nothings:
        with pytest.raises(ImproperlyConfigured, match="needs a place to look"):
            StaticFiles(directory=nothing)


async def test_or_else_at_the_first_request(tmp_path: Path) -> None:
    files = StaticFiles(directory=tmp_path / "later", check_dir=False)
    with pytest.raises(RuntimeError, match=r"later' does not exist\."):
        await fetch(files, "/x")
    (tmp_path / "later").touch()
    with pytest.raises(RuntimeError, match=r"later' is not a directory\."):
        await fetch(files, "/x")
    (tmp_path / "later").unlink()
    (tmp_path / "later").mkdir()
    assert not files.config_checked
    assert (await fetch(files, "/x")).status == 404
    assert files.config_checked


async def test_the_hooks_are_asked(root: Path) -> None:
    class Own(StaticFiles):
        def get_path(self, scope: Scope) -> str:
            return super().get_path(scope).removeprefix("v1/")

        async def get_response(self, path: str, scope: Scope) -> Response:
            try:
                return await super().get_response(path, scope)
            except HTTPException:
                return await super().get_response("hello.txt", scope)

        def file_response(self, *args: Any, **options: Any) -> Response:
            response = super().file_response(*args, **options)
            response.headers["cache-control"] = "immutable"
            return response

        def is_not_modified(self, response_headers: Header, request_headers: Header) -> bool:
            return request_headers.get("x-have") == response_headers["content-length"]

    files = Own(directory=root)
    fetched = await fetch(files, "/v1/docs/index.html")
    assert (fetched.body, fetched.headers["cache-control"]) == (b"<h1>docs", "immutable")
    assert (await fetch(files, "/v1/app/route")).body == b"hello"
    assert (await fetch(files, "/hello.txt", headers={"x-have": "5"})).status == 304
    assert (await fetch(files, "/hello.txt", headers={"if-none-match": fetched.headers["etag"]})).status == 200
    assert (await fetch(files, "/hello.txt", headers={"if-match": '"other"'})).status == 412
