from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.servers._sockets import Bind, Listeners, parse_bind


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:80", Bind("127.0.0.1:80", "tcp", "127.0.0.1", 80)),
        ("localhost:0", Bind("localhost:0", "tcp", "localhost", 0)),
        ("localhost", Bind("localhost", "tcp", "localhost", 8000)),
        (":9000", Bind(":9000", "tcp", "", 9000)),
        ("[::1]:9000", Bind("[::1]:9000", "tcp", "::1", 9000)),
        ("[::1]", Bind("[::1]", "tcp", "::1", 8000)),
        ("unix:/run/app.sock", Bind("unix:/run/app.sock", "unix", path="/run/app.sock")),
        ("unix:app.sock", Bind("unix:app.sock", "unix", path="app.sock")),
        ("fd://3", Bind("fd://3", "fd", descriptor=3)),
    ],
)
def test_a_bind_is_read(text: str, bind: Bind) -> None:
    assert parse_bind(text) == bind


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("8000", "127.0.0.1:8000"),
        ("http://localhost:8000/", "localhost:8000"),
        ("http://", "127.0.0.1:8000"),
        ("::1", "[::1]:8000"),
        ("localhost:http", "localhost:8000"),
        ("localhost:65536", "localhost:8000"),
        (":-1", "127.0.0.1:8000"),
        ("unix:", "unix:/path/to/socket"),
        ("unix:///run/app.sock", "unix:/run/app.sock"),
        ("fd://three", "fd://3"),
    ],
)
def test_a_bind_that_cannot_be_read_says_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_bind(text)
    assert f"bind={text!r}" in str(caught.value)
    assert f"did you mean {meant!r}?" in str(caught.value)


def test_a_bind_is_a_string() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"a bind is a str such as .*, not 8000"):
        parse_bind(8000)  # type: ignore[arg-type]


def opened(*texts: str) -> Listeners:
    return Listeners.open([parse_bind(text) for text in texts])


def test_urls_say_the_real_ports_and_whether_they_are_secure() -> None:
    listeners = opened("127.0.0.1:0", "[::1]:0")
    first, second = (sock.getsockname()[1] for sock in listeners.sockets)
    assert listeners.urls(secure=False) == [f"http://127.0.0.1:{first}", f"http://[::1]:{second}"]
    assert listeners.urls(secure=True) == [f"https://127.0.0.1:{first}", f"https://[::1]:{second}"]
    listeners.close()


def test_nobody_connects_before_listen() -> None:
    listeners = opened("127.0.0.1:0")
    address = listeners.sockets[0].getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    listeners.listen(5)
    socket.create_connection(address).close()
    listeners.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_an_address_in_use_is_named_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: something listens there") as caught:
            opened("127.0.0.1:0", f"127.0.0.1:{port}")
        assert caught.value.errno == errno.EADDRINUSE


def test_an_address_taken_between_bind_and_listen_is_named() -> None:
    ours = opened("127.0.0.1:0")
    port = ours.sockets[0].getsockname()[1]
    theirs = opened(f"127.0.0.1:{port}")  # SO_REUSEADDR: possible while nobody listens
    theirs.listen(1)
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: something listens there"):
        ours.listen(1)
    ours.close()
    theirs.close()


def test_an_error_without_a_hint_says_what_the_system_says() -> None:
    with pytest.raises(OSError, match=r"cannot listen on unix:x+: AF_UNIX path too long"):
        opened("unix:" + 200 * "x")
    with pytest.raises(OSError, match="cannot listen on unix:/dev/null/x: Not a directory"):
        opened("unix:/dev/null/x")


def test_a_unix_socket_has_the_umask_and_its_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    listeners = Listeners.open([parse_bind(f"unix:{path}")], umask=0o077)
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o700
    assert listeners.urls(secure=False) == [f"unix:{path}"]
    listeners.close()
    listeners.close()
    assert not path.exists()


def test_a_unix_socket_somebody_listens_on_is_in_use_even_when_he_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    listeners = opened(f"unix:{path}")
    listeners.listen(0)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(os.fspath(path))
        with pytest.raises(OSError, match="something listens there already") as caught:
            opened(f"unix:{path}")
        assert caught.value.errno == errno.EADDRINUSE
    listeners.close()


def test_a_stale_unix_socket_is_replaced_and_any_other_file_is_left_alone(tmp_path: Path) -> None:
    stale, other = tmp_path / "stale.sock", tmp_path / "other"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(stale))
    opened(f"unix:{stale}").close()
    other.write_text("precious")
    with pytest.raises(OSError, match="something listens there already"):
        opened(f"unix:{other}")
    assert other.read_text() == "precious"


def test_a_unix_socket_that_somebody_replaced_or_removed_is_not_touched(tmp_path: Path) -> None:
    replaced, removed = tmp_path / "replaced.sock", tmp_path / "removed.sock"
    listeners = opened(f"unix:{replaced}", f"unix:{removed}")
    removed.unlink()
    replaced.rename(tmp_path / "aside.sock")
    replaced.write_text("another's")
    listeners.close()
    assert replaced.read_text() == "another's"


def test_a_file_descriptor_is_taken_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        listeners = opened(f"fd://{os.dup(given.fileno())}")
    assert listeners.urls(secure=False) == [f"http://127.0.0.1:{port}"]
    listeners.close()


def test_a_file_descriptor_that_is_no_stream_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot listen on fd://99999: no such file descriptor"):
        opened("fd://99999")
    with (tmp_path / "file").open("w") as file, pytest.raises(OSError, match="the file descriptor is not a socket"):
        opened(f"fd://{file.fileno()}")
    with pytest.raises(OSError, match="not a stream socket"):
        opened(f"fd://{socket.socket(type=socket.SOCK_DGRAM).detach()}")


def test_connections_accepted_here_are_found_and_cut_and_no_others(tmp_path: Path) -> None:
    listeners = opened("127.0.0.1:0", f"unix:{tmp_path / 'app.sock'}")
    listeners.listen(5)
    others = socket.socketpair()
    assert not listeners.connected()
    pairs = []
    for sock in listeners.sockets:
        client = socket.socket(sock.family)
        client.connect(sock.getsockname())
        sock.setblocking(True)
        pairs.append((client, sock.accept()[0]))
    assert listeners.connected()
    assert listeners.cut() == 2
    for client, accepted in pairs:
        assert client.recv(1) == b""
        client.close()
        accepted.close()
    assert not listeners.connected()
    others[0].send(b"x")
    assert others[1].recv(1) == b"x"
    for each in (*others, *listeners.sockets):
        each.close()
    listeners.close()


def test_where_open_files_are_not_listed_somebody_may_be_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners = opened("127.0.0.1:0")

    def not_listed(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "listdir", not_listed)
    assert listeners.connected()
    assert listeners.cut() == 0
    listeners.close()


def test_two_may_share_a_port_when_both_say_so_and_not_otherwise() -> None:
    first = Listeners.open([parse_bind("127.0.0.1:0")], reuse_port=True)
    port = first.sockets[0].getsockname()[1]
    second = Listeners.open([parse_bind(f"127.0.0.1:{port}")], reuse_port=True)
    try:
        first.listen(5)
        second.listen(5)
        assert first.urls(False) == second.urls(False)
        with pytest.raises(OSError, match="something listens there already"):
            Listeners.open([parse_bind(f"127.0.0.1:{port}")])
    finally:
        first.close()
        second.close()
