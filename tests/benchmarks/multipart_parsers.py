"""What multipart parsers cost: `python -m tests.benchmarks.multipart_parsers [--backend trio]`.

The library in use stands beside others, in turns and in CPU time: alone; behind the seam (`multipart_parser`) where
Lilya's decoder looks at all that is found; and in whole uploads. What is not installed is left out, and said.

`multipart` has a place behind the seam, here. `streaming-form-data`, which is compiled, cannot have one: it wants to
know the names of all parts before, gives no headers, and counts neither these nor parts.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import lilya._forms
from lilya._sansio.form import DEFAULT_LIMITS, FormLimits
from lilya._sansio.multipart import MultipartDecoder
from lilya._sansio.multipart_parser import Fault, Findings, MakeParser, Malformed, PythonMultipart
from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses.base import PlainText
from lilya.routing import Path
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.benchmarks.cases import Case
from tests.benchmarks.measure import measure

__all__ = ["PushMultipart"]

BOUNDARY: Final = "----WebKitFormBoundaryc0ffee0123456789"
MESSAGE: Final = 64 * 1024
ROUNDS: Final = 15
SECONDS: Final = 0.03


class PushMultipart:
    """`multipart` behind the seam."""

    def __init__(self, boundary: bytes, limits: FormLimits, findings: Findings) -> None:
        library = importlib.import_module("multipart")
        self._library: Any = library
        self._parser = library.PushMultipartParser(
            boundary, max_header_size=limits.max_header_size, max_header_count=limits.max_headers
        )
        self._findings = findings

    def feed(self, data: bytes) -> None:
        """See `lilya._sansio.multipart_parser.Parser`."""
        findings = self._findings
        try:
            for event in self._parser.parse(data):
                if event is None:
                    findings.on_part_end()
                elif isinstance(event, bytes):
                    findings.on_part_data(event, 0, len(event))
                else:
                    findings.on_part_begin()
                    for name, value in event.headerlist:
                        findings.on_header(name.encode(), value.encode())
                    findings.on_headers_finished()
        except self._library.MultipartError as error:
            raise Malformed(Fault.GRAMMAR) from error
        if self._parser._state is self._library._COMPLETE:  # nothing public says so before it is closed
            findings.on_end()


class Deaf:
    """Is told everything, and does nothing with it."""

    def on_part_begin(self) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_finished(self) -> None: ...
    def on_part_data(self, data: bytes, start: int, end: int) -> None: ...
    def on_part_end(self) -> None: ...
    def on_end(self) -> None: ...


BEHIND_THE_SEAM: Final[dict[str, tuple[str, MakeParser]]] = {
    "python-multipart": ("python_multipart", PythonMultipart),
    "multipart": ("multipart", PushMultipart),
}


def part(name: str, content: bytes, filename: str = "") -> bytes:
    """One part of a body, with the delimiter before it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if filename:
        head += f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


END: Final = f"--{BOUNDARY}--\r\n".encode()
LINES: Final = b"the quick brown fox jumps over the lazy dog; again\r\n"
BODIES: Final[dict[str, bytes]] = {
    "a file of 1 MB, binary": part("title", b"report") + part("file", bytes(range(256)) * 4000, "a.bin") + END,
    "a file of 1 MB, lines": part("title", b"report") + part("file", LINES * 20_000, "a.txt") + END,
    "100 files of 1 KB": b"".join(part("file", b"x" * 1000, "a.bin") for _ in range(100)) + END,
    "100 fields": b"".join(part("title", b"a field of a form") for _ in range(100)) + END,
}


def pieces(body: bytes) -> list[bytes]:
    """As a server gives them."""
    return [body[start : start + MESSAGE] for start in range(0, len(body), MESSAGE)]


def alone(parser: MakeParser, cut: list[bytes]) -> Callable[[], None]:
    """Parse, and do nothing with what is found."""

    def run() -> None:
        made = parser(BOUNDARY.encode(), DEFAULT_LIMITS, Deaf())
        for piece in cut:
            made.feed(piece)

    return run


def decoding(parser: MakeParser, cut: list[bytes]) -> Callable[[], None]:
    """Parse in Lilya's decoder."""

    def run() -> None:
        decoder = MultipartDecoder(BOUNDARY, parser=parser)
        for piece in cut:
            decoder.feed(piece)
        decoder.finish()

    return run


def streaming(cut: list[bytes]) -> Callable[[], None]:
    """Parse by `streaming-form-data`, which is told the names before."""
    library: Any = importlib.import_module("streaming_form_data")
    targets: Any = importlib.import_module("streaming_form_data.targets")

    def run() -> None:
        made = library.StreamingFormDataParser({"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
        made.register("title", targets.NullTarget())
        made.register("file", targets.NullTarget())
        for piece in cut:
            made.data_received(piece)

    return run


def in_turns(contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The median of the CPU time of a call, in microseconds."""
    calls = {}
    for name, run in contenders.items():
        run()
        before = time.thread_time()
        run()
        calls[name] = max(1, round(SECONDS / max(time.thread_time() - before, 1e-6)))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            before = time.thread_time()
            for _ in range(calls[name]):
                run()
            taken[name].append((time.thread_time() - before) / calls[name] * 1e6)
    return {name: statistics.median(each) for name, each in taken.items()}


async def upload(request: Request) -> PlainText:
    """Read the form, and say how much it holds."""
    async with request.form() as form:
        return PlainText(str(len(form)))


def served_by(parser: MakeParser) -> ASGIApp:
    """The application, with its forms taken apart by `parser`."""
    app = Lilya(routes=[Path("/", upload, methods=["POST"])])

    def decoder(boundary: str, limits: FormLimits, charset: str) -> MultipartDecoder:
        return MultipartDecoder(boundary, limits, charset, parser)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            setattr(lilya._forms, "MultipartDecoder", decoder)  # noqa: B010  (the name is a class, for mypy)
        await app(scope, receive, send)

    return serve


def uploads(body: bytes, names: Iterable[str], backend: str) -> dict[str, float]:
    """The median of the CPU time of a whole upload, in microseconds."""
    cut = pieces(body)
    first, *others = names
    served = {name: (lambda parser=BEHIND_THE_SEAM[name][1]: served_by(parser)) for name in (first, *others)}
    case = Case(
        "upload",
        method="POST",
        messages=tuple(
            {"type": "http.request", "body": piece, "more_body": number < len(cut)}
            for number, piece in enumerate(cut, 1)
        ),
        headers=((b"content-type", b"multipart/form-data; boundary=" + BOUNDARY.encode()),),
    )
    makers = {"raw": served[first], **{name: served[name] for name in others}}
    result = measure(case, backend, rounds=ROUNDS, seconds=SECONDS, makers=makers)
    return {first: result.microseconds("raw"), **{name: result.microseconds(name) for name in others}}


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.multipart_parsers", description=__doc__)
    parser.add_argument("--backend", choices=("trio", "asyncio"), default="trio")
    options = parser.parse_args()
    names = [name for name, (module, _) in BEHIND_THE_SEAM.items() if importlib.util.find_spec(module)]
    columns = list(names)
    if importlib.util.find_spec("streaming_form_data"):
        columns.append("streaming-form-data")
    for missing in (name for name in (*BEHIND_THE_SEAM, "streaming-form-data") if name not in columns):
        print(f"{missing} is not installed: left out.")
    print(f"\n| µs | {' | '.join(columns)} |\n|---|{'--:|' * len(columns)}")
    for title, body in BODIES.items():
        cut = pieces(body)
        contenders = {name: alone(BEHIND_THE_SEAM[name][1], cut) for name in names}
        if len(columns) > len(names):
            contenders["streaming-form-data"] = streaming(cut)
        decoders = {name: decoding(BEHIND_THE_SEAM[name][1], cut) for name in names}
        for place, found in (
            ("alone", in_turns(contenders)),
            ("in the decoder", in_turns(decoders)),
            ("a whole upload", uploads(body, names, options.backend)),
        ):
            cells = (f"{found[name]:.0f}" if name in found else "" for name in columns)
            print(f"| {title}, {place} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
