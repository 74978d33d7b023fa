"""From a `bind` to listening sockets, and back to what people type into a client.

The sockets are ours and handed to whichever server runs, so that every server takes the same binds, port 0 reports the
port that was really given, an address in use is found before the application starts, and a connection that a server
cannot end can be cut here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lilya.exceptions import ImproperlyConfigured

__all__ = ["Bind", "Listeners", "can_reuse_port", "parse_bind"]

DEFAULT_PORT = 8000

_HINTS: Final[Mapping[int, str]] = {
    errno.EADDRINUSE: "something listens there already: stop it, or give another bind",
    errno.EACCES: "this user may not: ports below 1024 and foreign directories need privileges",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.ENOENT: "the directory of the socket does not exist",
    errno.EBADF: "no such file descriptor is open in this process",
    errno.ENOTSOCK: "the file descriptor is not a socket",
}


@dataclass(frozen=True, slots=True)
class Bind:
    """One address to listen on, as written in `text`."""

    text: str
    kind: Literal["tcp", "unix", "fd"]
    host: str = ""
    port: int = 0
    path: str = ""
    descriptor: int = -1


def parse_bind(text: str) -> Bind:
    """Read `host:port`, `[v6]:port`, `host` (port 8000), `unix:path` or `fd://number`; else `ImproperlyConfigured`."""
    if not isinstance(text, str):
        raise ImproperlyConfigured(f"a bind is a str such as '127.0.0.1:8000', not {text!r}")
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path or path.startswith("//"):
            raise _unreadable(text, f"unix:/{path.lstrip('/') or 'path/to/socket'}")
        return Bind(text, "unix", path=path)
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        if not number.isdecimal():
            raise _unreadable(text, "fd://3")
        return Bind(text, "fd", descriptor=int(number))
    if "//" in text:
        raise _unreadable(text, text.partition("//")[2].partition("/")[0] or "127.0.0.1:8000")
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(DEFAULT_PORT)
    if host.isdecimal():
        raise _unreadable(text, f"127.0.0.1:{host}")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise _unreadable(text, f"[{text}]:{DEFAULT_PORT}")
    if not port.isdecimal() or int(port) > 65535:
        raise _unreadable(text, f"{host or '127.0.0.1'}:{DEFAULT_PORT}", f"{port!r} is no port (0 to 65535)")
    return Bind(text, "tcp", host=host.strip("[]"), port=int(port))


def _unreadable(text: str, meant: str, why: str = "not an address to listen on") -> ImproperlyConfigured:
    return ImproperlyConfigured(f"bind={text!r}: {why}; did you mean {meant!r}?")


def can_reuse_port() -> bool:
    """Whether processes may share a port here."""
    return hasattr(socket, "SO_REUSEPORT")


class Listeners:
    """The sockets of one server, from `open` to `close`."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self._addresses: list[tuple[socket.AddressFamily, object]] = []
        self._files: list[tuple[str, int, int]] = []  # unix sockets of ours: path, device, inode

    @classmethod
    def open(cls, binds: Sequence[Bind], *, umask: int | None = None, reuse_port: bool = False) -> Listeners:
        """Bind them all; nobody can connect before `listen`.

        A file descriptor is taken over. `umask` is that of a unix socket's file. With `reuse_port` other processes of
        the same user that say so too may listen on the same ports. Raises `OSError`, with its `errno`
        kept and a message that names the bind, and leaves nothing open then. It may look up a host name: call it in a
        thread.
        """
        self = cls()
        try:
            for bind in binds:
                self._add(bind, umask, reuse_port)
        except BaseException:
            self.close()
            raise
        return self

    def _add(self, bind: Bind, umask: int | None, reuse_port: bool) -> None:
        try:
            if bind.kind == "fd":
                self.sockets.append(socket.socket(fileno=bind.descriptor))
            elif bind.kind == "unix":
                self._bind_unix(bind.path, umask)
            else:
                self._bind_tcp(bind.host, bind.port, reuse_port)
            sock = self.sockets[-1]
            if sock.type != socket.SOCK_STREAM:
                raise OSError(errno.EPROTOTYPE, "not a stream socket")
            sock.setblocking(False)
            self._addresses.append((sock.family, sock.getsockname()))
        except OSError as exc:
            raise _explained(exc, bind.text) from exc

    def _bind_tcp(self, host: str, port: int, reuse_port: bool) -> None:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self.sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by the connections
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))

    def _bind_unix(self, path: str, umask: int | None) -> None:
        _remove_stale(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets.append(sock)
        before = None if umask is None else os.umask(umask)
        try:
            sock.bind(path)
        finally:
            if before is not None:
                os.umask(before)
        made = os.stat(path)
        self._files.append((path, made.st_dev, made.st_ino))

    def listen(self, backlog: int) -> None:
        """Let clients connect, at most `backlog` of them not yet accepted. Raises `OSError` as `open` does."""
        for sock in self.sockets:
            try:
                sock.listen(backlog)
            except OSError as exc:
                raise _explained(exc, _address(sock)) from exc

    def urls(self, secure: bool) -> list[str]:
        """Where they listen: `http://127.0.0.1:8000`, `https://[::1]:8000`, `unix:/path`."""
        scheme = "https" if secure else "http"
        return [
            f"{scheme}://{_address(sock)}" if sock.family != socket.AF_UNIX else _address(sock) for sock in self.sockets
        ]

    def connected(self) -> bool:
        """Whether a connection that was accepted here may be still open."""
        return self._visit(lambda sock: None) != 0

    def cut(self) -> int:
        """Shut every connection that was accepted here and is still open; returns how many.

        The last resort, where a server waits for a client that does not read: hypercorn writes under a shield on trio,
        and on asyncio waits for the transport to be empty.
        """
        return max(0, self._visit(lambda sock: sock.shutdown(socket.SHUT_RDWR)))

    def _visit(self, act: Callable[[socket.socket], None]) -> int:
        """Call `act` for every connection accepted here; returns how many there are, -1 when that cannot be known.

        No server lets its connections be reached, so they are looked up among the open files of the process, where the
        system lists those (Windows does not).
        """
        try:
            names = os.listdir("/dev/fd")
        except OSError:
            return -1
        count = 0
        for descriptor in map(int, names):
            # A file may be closed since it was listed, and a listener has no peer.
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    sock = socket.socket(fileno=descriptor)
                    try:
                        sock.getpeername()
                        if self._is_ours(sock):
                            act(sock)
                            count += 1
                    finally:
                        sock.detach()
        return count

    def _is_ours(self, sock: socket.socket) -> bool:
        own = sock.getsockname()
        return any(
            sock.family == family and sock.type == socket.SOCK_STREAM and _same_place(own, address)
            for family, address in self._addresses
        )

    def close(self) -> None:
        """Close what is still open and remove the unix sockets' files, unless somebody has replaced them."""
        for sock in self.sockets:
            sock.close()
        for path, device, inode in self._files:
            try:
                found = os.stat(path)
                if (found.st_dev, found.st_ino) == (device, inode):
                    os.unlink(path)
            except FileNotFoundError:
                pass
        self._files.clear()


def _explained(exc: OSError, where: str) -> OSError:
    if exc.errno is None:
        return OSError(f"cannot listen on {where}: {exc}")
    return OSError(exc.errno, f"cannot listen on {where}: {_HINTS.get(exc.errno, exc.strerror)}")


def _remove_stale(path: str) -> None:
    """Remove the file of a unix socket nobody listens on any more; `EADDRINUSE` when somebody does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return  # bind() will say that the address is in use, and it is
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # somebody listens and is busy
    raise OSError(errno.EADDRINUSE, "a server listens there")


def _address(sock: socket.socket) -> str:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    return f"[{name[0]}]:{name[1]}" if sock.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def _same_place(own: object, listener: object) -> bool:
    """Whether a connection at address `own` was accepted by the listener. Its host may have been a wildcard."""
    if isinstance(own, tuple) and isinstance(listener, tuple):
        return bool(own[1] == listener[1])
    return own == listener
