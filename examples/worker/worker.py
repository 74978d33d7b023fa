"""A queue of jobs that survives its process: two services, health pages, the tree of tasks, metrics.

    python examples/worker/worker.py                     # keeps its jobs in jobs.sqlite
    curl -X POST http://127.0.0.1:8000/jobs -d 'hello'   # 202 {"id": 1}
    curl http://127.0.0.1:8000/jobs/1                    # {"id": 1, "text": "hello", "state": "done", ...}
    curl http://127.0.0.1:8000/readyz
    curl http://127.0.0.1:8000/tasks
    curl http://127.0.0.1:8000/metrics

See README.md beside this file.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio
from anyio.abc import TaskStatus

from lilya.apps import Lilya
from lilya.concurrency import Service, run_sync, shielded
from lilya.contrib.health import Live, Ready
from lilya.contrib.inspect import TaskTree
from lilya.exceptions import NotFound, ServiceUnavailable
from lilya.protocols import Observer, Outcome
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText
from lilya.routing import Include, Path
from lilya.servers import run
from lilya.types import Scope

MAX_WAITING = 1000  # jobs; a queue without an end would only hide that the worker is too slow
MAX_ATTEMPTS = 3  # of a job that takes its worker down with it
SECONDS_A_JOB = 0.2

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
log = logging.getLogger("worker")


class Jobs:
    """The jobs, in a file. Statements run in a thread, one at a time: that is what the limiter is for."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._more: anyio.Event | None = None  # there while the worker waits
        self._open_file: tuple[sqlite3.Connection, anyio.CapacityLimiter] | None = None

    async def serve(self, *, task_status: TaskStatus[None]) -> None:
        """The service: open while the application runs."""
        database = await run_sync(self._connect)
        self._open_file = database, anyio.CapacityLimiter(1)
        try:
            task_status.started()
            await anyio.sleep_forever()
        finally:
            self._open_file = None
            with shielded(5):  # the worker has ended: nobody uses it any more
                await run_sync(database.close)
            log.info("the jobs are closed")

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.file, check_same_thread=False, isolation_level=None)
        database.execute("create table if not exists jobs (id integer primary key, text, state, attempts default 0)")
        return database

    async def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        if self._open_file is None:
            raise ConnectionError("the jobs are not open")
        database, limiter = self._open_file
        return await run_sync(lambda: database.execute(statement, values).fetchall(), limiter=limiter)

    async def ping(self) -> None:
        """For the readiness: raises where nothing can be read."""
        await self.query("select 1")

    async def add(self, text: str) -> int | None:
        """A new job, or None when too many are waiting."""
        rows = await self.query(
            "insert into jobs (text, state) select ?, 'waiting' "
            "where (select count(*) from jobs where state = 'waiting') < ? returning id",
            [text, MAX_WAITING],
        )
        if self._more is not None:
            self._more.set()
        return int(rows[0][0]) if rows else None

    async def take(self) -> tuple[int, str]:
        """The next job, now running; waits for one."""
        while True:
            self._more = anyio.Event()
            rows = await self.query(
                "update jobs set state = 'running', attempts = attempts + 1 "
                "where id = (select min(id) from jobs where state = 'waiting') returning id, text"
            )
            if rows:
                return rows[0][0], rows[0][1]
            await self._more.wait()

    async def end(self, id: int, state: str) -> None:
        """The job is done, or failed."""
        await self.query("update jobs set state = ? where id = ?", [state, id])

    async def recover(self) -> None:
        """What was running when its worker died waits again; not for ever."""
        await self.query(
            "update jobs set state = case when attempts < ? then 'waiting' else 'failed' end where state = 'running'",
            [MAX_ATTEMPTS],
        )


class Metrics(Observer):
    """Counts, as text for Prometheus."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int | None]] = Counter()
        self.restarts: Counter[str] = Counter()

    def exchange_ended(self, scope: Scope, outcome: Outcome, status: int | None, seconds: float) -> None:
        self.requests[scope.get("route_path_template", "none"), outcome, status] += 1

    def service_restarted(self, name: str, restarts: int, failure: BaseException | None) -> None:
        self.restarts[name] += 1

    def lines(self) -> list[str]:
        return [
            *(
                f'requests{{route="{route}",outcome="{outcome}",status="{status}"}} {count}'
                for (route, outcome, status), count in self.requests.items()
            ),
            *(f'restarts{{service="{name}"}} {count}' for name, count in self.restarts.items()),
        ]


async def work(jobs: Jobs) -> None:
    """The service that does the jobs, one after the other. A crash is followed by a restart, with a pause."""
    await jobs.recover()
    while True:
        id, text = await jobs.take()
        try:
            await do(text)
        except ValueError as exc:
            log.warning("job %d failed: %s", id, exc)
            await jobs.end(id, "failed")
        else:
            await jobs.end(id, "done")


async def do(text: str) -> None:
    """What a job is; stands for yours."""
    await anyio.sleep(SECONDS_A_JOB)
    if text == "fail":
        raise ValueError("it was asked to")
    if text == "crash":
        raise RuntimeError("a bug")


async def add(request: Request) -> JSONResponse:
    id = await request.app.state.jobs.add(await request.text())
    if id is None:
        raise ServiceUnavailable("too many jobs are waiting", headers={"retry-after": "10"})
    return JSONResponse({"id": id}, status_code=202)


async def show(request: Request, id: int) -> dict[str, Any]:
    rows = await request.app.state.jobs.query("select id, text, state, attempts from jobs where id = ?", [id])
    if not rows:
        raise NotFound()
    return dict(zip(("id", "text", "state", "attempts"), rows[0], strict=True))


async def show_metrics(request: Request) -> PlainText:
    return PlainText("\n".join(request.app.state.metrics.lines()) + "\n")


def build(file: str) -> Lilya:
    """The application, with its jobs in `file`."""
    jobs, metrics = Jobs(file), Metrics()
    app = Lilya(
        routes=[
            Path("/jobs", add, methods=["POST"]),
            Path("/jobs/{id:int}", show),
            Path("/metrics", show_metrics),
            Path("/livez", Live()),
            Path("/readyz", Ready({"jobs": jobs.ping})),
            Include("/tasks", app=TaskTree()),
        ],
        services=[
            Service(jobs.serve, name="jobs"),
            Service(work, jobs, name="worker", restart="on-failure", backoff=(0.2, 10), depends_on=["jobs"]),
        ],
        observers=[metrics],
    )
    app.state.jobs, app.state.metrics = jobs, metrics
    return app


if __name__ == "__main__":
    bind = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000"
    file = sys.argv[2] if len(sys.argv) > 2 else "jobs.sqlite"
    run(build(file), bind)
