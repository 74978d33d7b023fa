"""A certificate for tests that want TLS over real sockets, made by the `openssl` of the system."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

__all__ = ["Certificate"]

# How each server calls the two files.
_OPTIONS = {"hypercorn": ("certfile", "keyfile"), "uvicorn": ("ssl_certfile", "ssl_keyfile")}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for localhost and 127.0.0.1 that has signed itself, and its key: two files."""

    certfile: Path
    keyfile: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """Make one; skips the test where the system has no openssl."""
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("there is no openssl to make a certificate")
        made = cls(folder / "certificate.pem", folder / "key.pem")
        wanted = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", str(made.keyfile), "-out", str(made.certfile)]
        subprocess.run([openssl, *wanted.split(), *names, *files], check=True, capture_output=True)
        return made

    def config(self, server: str) -> dict[str, str]:
        """The options that make a server use it."""
        certfile, keyfile = _OPTIONS[server.partition("-")[0]]
        return {certfile: str(self.certfile), keyfile: str(self.keyfile)}

    def trusted(self, *protocols: str) -> ssl.SSLContext:
        """A client's context that trusts it, and nobody else, and offers these protocols (RFC 7301)."""
        context = ssl.create_default_context(cafile=str(self.certfile))
        offered: Sequence[str] = protocols
        if offered:
            context.set_alpn_protocols(offered)
        return context
