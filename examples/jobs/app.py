"""Jobs with progress: a text is uploaded, a service works on it, and whoever asked sees how far it is."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path as FilePath
from typing import Any, BinaryIO, Literal

import anyio

from lilya.apps import Lilya
from lilya.concurrency import Service, open_nursery, run_in_threadpool, shielded
from lilya.datastructures import DataUpload
from lilya.exceptions import BadRequest, NotFound, ServiceUnavailable
from lilya.requests import Request
from lilya.responses import EventStreamResponse, FileResponse, JSONResponse, Response
from lilya.routing import Path
from lilya.servers import run

log = logging.getLogger("jobs")

PAGE = FilePath(__file__).with_name("page.html")
MAX_SIZE = 100 << 20  # bytes of one text
MAX_JOBS = 1000  # kept, with their texts; one more is refused
STEP = 0.02  # seconds that one line takes: it stands for real work
PATIENCE = 25.0  # seconds of a long poll; shorter than the minute after which proxies give up
DRAIN = 3.0  # seconds the job under way has to be done, when the server stops; then it is handed back

State = Literal["waiting", "running", "done", "failed", "cancelled"]


# -- jobs -------------------------------------------------------------------------------------------------------------


@dataclass
class Record:
    """What is kept of a job in a file, and told to who asks."""

    id: int
    name: str
    lines: int
    done: int = 0
    state: State = "waiting"
    words: dict[str, int] = field(default_factory=dict)  # the most frequent ones, once it is done


class Job:
    """A record that changes, and who waits for that.

    Versions count the changes. They begin with the clock, in milliseconds, so that they go on rising after a restart.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.version = int(time.time() * 1000)
        self.scope: anyio.CancelScope | None = None  # there while it is worked on
        self.unwanted = False  # a person has cancelled it
        self._changed = anyio.Event()

    @property
    def over(self) -> bool:
        return self.record.state not in ("waiting", "running")

    def change(self, state: State, done: int) -> None:
        self.record.state, self.record.done = state, done
        self.version += 1
        self._changed.set()
        self._changed = anyio.Event()

    async def newer_than(self, version: int) -> None:
        """Wait until it has a higher version than this."""
        while self.version <= version:
            await self._changed.wait()

    def told(self) -> dict[str, Any]:
        return {**asdict(self.record), "version": self.version}


class Shop:
    """All jobs, in memory and in `folder`: a text and a record each. One is worked on at a time."""

    def __init__(self, folder: FilePath) -> None:
        self.folder = folder
        self.jobs: dict[int, Job] = {}
        self.last = 0  # id
        self.waiting: deque[Job] = deque()
        self.arrived = anyio.Event()

    def path(self, id: int, suffix: str) -> FilePath:
        return self.folder / f"{id}.{suffix}"

    def open(self) -> None:
        """Read what was left when the last process ended. Blocks."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem)):
            job = Job(Record(**json.loads(path.read_text())))
            self.last = job.record.id
            if job.over:
                self.jobs[job.record.id] = job
            else:
                self.put(job)

    def put(self, job: Job) -> None:
        self.jobs[job.record.id] = job
        self.waiting.append(job)
        self.arrived.set()

    async def save(self, job: Job) -> None:
        """Write its record: the old one stays until the new one is whole."""
        text = json.dumps(asdict(job.record))

        def write() -> None:
            new = self.path(job.record.id, "new")
            new.write_text(text)
            os.replace(new, self.path(job.record.id, "json"))

        await run_in_threadpool(write)

    async def add(self, upload: DataUpload) -> Job:
        """Keep an uploaded text, and put it in the queue."""
        if len(self.jobs) >= MAX_JOBS:
            raise ServiceUnavailable("All places are taken.")
        self.last += 1
        id = self.last

        def copy() -> int:
            with self.path(id, "txt").open("w+b") as file:
                shutil.copyfileobj(upload.file, file)
                file.seek(0)
                return sum(1 for _ in file)

        job = Job(Record(id, upload.filename or "a text", await run_in_threadpool(copy)))
        await self.save(job)
        self.put(job)
        return job

    async def cancel(self, job: Job) -> None:
        """End it, whether it waits or is worked on."""
        if job.over:
            return
        job.unwanted = True
        if job.scope is not None:
            job.scope.cancel()
            while job.record.state == "running":
                await job.newer_than(job.version)
        elif job in self.waiting:
            self.waiting.remove(job)
            job.change("cancelled", job.record.done)
            await self.save(job)

    async def work(self, app: Lilya) -> None:
        """The service: one job after the other, until the server is told to stop."""
        while not app.draining:
            if self.waiting:
                await self.do(self.waiting.popleft(), app)
            else:
                self.arrived = anyio.Event()
                await self.arrived.wait()

    async def do(self, job: Job, app: Lilya) -> None:
        """Work on one job, until it is over, or a person cancels it, or the server has to stop.

        The shield: a stop does not cut it at once. It has `DRAIN` seconds more; then it is handed back, with what is
        done of it, to the next process.
        """
        job.scope = anyio.CancelScope(shield=True)
        try:
            with job.scope:
                async with open_nursery() as nursery:
                    nursery.start_soon(hurry, app, job.scope)
                    await self.count(job)
                    nursery.cancel_scope.cancel()
        except Exception:
            log.exception("job %d failed", job.record.id)
            job.change("failed", job.record.done)
        job.scope = None
        if not job.over:
            job.change("cancelled" if job.unwanted else "waiting", job.record.done)
        with shielded(5):
            await self.save(job)

    async def count(self, job: Job) -> None:
        """The work: how often is each word said? What was counted before a restart is counted again, quickly."""
        job.change("running", job.record.done)
        words: Counter[str] = Counter()
        with await run_in_threadpool(self.path(job.record.id, "txt").open, "rb") as file:
            number = 0
            while lines := await run_in_threadpool(read_lines, file):
                for line in lines:
                    words.update(line.decode(errors="replace").lower().split())
                    number += 1
                    if number > job.record.done:
                        await anyio.sleep(STEP)
                        job.change("running", number)
        job.record.words = dict(words.most_common(10))
        job.change("done", number)


async def hurry(app: Lilya, scope: anyio.CancelScope) -> None:
    """Give a scope a deadline, once the server is told to stop."""
    await app.wait_draining()
    scope.deadline = anyio.current_time() + DRAIN


def read_lines(file: BinaryIO) -> list[bytes]:
    return list(islice(file, 100))


# -- the web ----------------------------------------------------------------------------------------------------------


def job_of(request: Request, id: int) -> Job:
    job: Job | None = request.app.state.shop.jobs.get(id)
    if job is None:
        raise NotFound(f"There is no job {id}.")
    return job


async def add(request: Request) -> Response:
    async with request.form(max_files=1, max_file_size=MAX_SIZE) as form:
        upload = form.get("text")
        if not isinstance(upload, DataUpload):
            raise BadRequest("A job is a form with a file called 'text'.")
        job = await request.app.state.shop.add(upload)
    return JSONResponse(job.told(), status_code=201, headers={"location": f"/jobs/{job.record.id}"})


async def jobs(request: Request) -> list[dict[str, Any]]:
    return [job.told() for job in reversed(request.app.state.shop.jobs.values())]


async def cancel(request: Request, id: int) -> JSONResponse:
    job = job_of(request, id)
    await request.app.state.shop.cancel(job)
    return JSONResponse(job.told())


async def status(request: Request, id: int) -> Response:
    """How far it is. With `?after=VERSION` a long poll: the answer waits until there is something newer; else 204."""
    job = job_of(request, id)
    after = request.query_params.get("after", "-1")
    if not after.removeprefix("-").isdecimal():
        raise BadRequest(f"'after' is a version, not {after!r}")
    with anyio.move_on_after(PATIENCE), request.cancel_on_draining():
        await job.newer_than(int(after))
    if job.version <= int(after):
        return Response(status_code=204, headers={"retry-after": "1"} if request.draining else None)
    return JSONResponse(job.told())


async def events(request: Request, id: int) -> Response:
    """How far it is, as server-sent events. They end with the job; who comes back then is told not to (204)."""
    job = job_of(request, id)
    last = request.headers.get("last-event-id", "")
    if job.over and last == str(job.version):
        return Response(status_code=204)

    async def news() -> AsyncGenerator[dict[str, Any]]:
        while True:
            version, over = job.version, job.over
            yield {"id": version, "data": job.told()}
            if over:
                return
            await job.newer_than(version)  # what has changed meanwhile is told at once, and once

    return EventStreamResponse(news(), retry=1000)


async def page() -> FileResponse:
    return FileResponse(PAGE, media_type="text/html")


def make_app(folder: FilePath) -> Lilya:
    """An application whose jobs are kept in a folder."""

    async def work() -> None:
        await app.state.shop.work(app)

    async def open_shop() -> None:
        app.state.shop = Shop(folder)
        await run_in_threadpool(app.state.shop.open)

    app = Lilya(
        routes=[
            Path("/", page),
            Path("/jobs", jobs),
            Path("/jobs", add, methods=["POST"]),
            Path("/jobs/{id:int}", status),
            Path("/jobs/{id:int}", cancel, methods=["DELETE"]),
            Path("/jobs/{id:int}/events", events),
        ],
        on_startup=[open_shop],
        services=[Service(work, stop_timeout=DRAIN + 5)],
    )
    return app


if __name__ == "__main__":
    folder = FilePath(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="jobs-"))
    print(f"jobs are kept in {folder}")
    run(make_app(folder), sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")
