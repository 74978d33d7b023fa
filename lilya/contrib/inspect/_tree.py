"""The tasks of a process as a tree: whose each is, how old, in which state, and where it waits.

Which exchange a task serves is found in the frames of the task: noting it down at the beginning would make every
request pay for a page that is rarely open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from types import CodeType, FrameType
from typing import Any, Final, TypeVar

import anyio

from lilya._asgi.exchange import Exchange, Home
from lilya._asgi.lifespan import Job, Life
from lilya._asgi.statistics import describe
from lilya.apps import Lilya
from lilya.concurrency.service import ServiceStatistics
from lilya.contrib.inspect._stack import Place, frames_of, place_of

T = TypeVar("T")

__all__ = ["MAX_TASKS", "Node", "Picture", "Section", "take_picture"]

# Tasks looked at for one picture; it takes the event loop some 20 µs for each.
MAX_TASKS: Final = 2000

# In the frames of these functions, the variable that says whose the task is.
_OWNERS: Final[tuple[tuple[Callable[..., Any], str], ...]] = (
    (Lilya.__call__, "exchange"),
    (Exchange.run, "self"),
    (Exchange._read, "self"),
    (Life._guarded, "job"),
)
_OWNER_BY_CODE: Final = tuple((function.__code__, name) for function, name in _OWNERS)
_READER: Final = Exchange._read.__code__


@dataclass(frozen=True, slots=True)
class Node:
    """A task, an exchange or a service. `age` in seconds, None where nobody knows; `more` children are not shown."""

    name: str
    state: str = ""
    age: float | None = None
    where: str = ""
    awaits: str = ""
    children: tuple[Node, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """Nodes of one kind: `count` of them, of which `nodes` are shown."""

    title: str
    count: int
    nodes: tuple[Node, ...]

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.count - len(self.nodes)


@dataclass(frozen=True, slots=True)
class Picture:
    """A process at one moment. `unseen`: tasks that were not looked at, there being too many."""

    state: str
    threads: int
    failed_tasks: int
    sections: tuple[Section, ...]
    unseen: int = 0


def take_picture(home: Home, rows: int, asked: Exchange | None = None) -> Picture:
    """Look at everything that runs in this event loop; `rows` is how many nodes are shown at most,

    `asked` the exchange whose task takes the picture: a task that runs cannot be looked into.
    """
    tasks = _Tasks(rows, asked)
    sections = [tasks.exchanges(list(home.live))]
    if not isinstance(home, Life):
        return Picture("used alone", 0, 0, (*sections, tasks.others()), tasks.unseen)
    services = tasks.services(home.service_statistics())
    sections += [services, tasks.jobs(list(home.jobs)), tasks.others()]
    state = "draining" if home.draining else "serving" if home.started else "starting"
    return Picture(state, home.busy_threads(), home.failed_tasks, tuple(sections), tasks.unseen)


class _Tasks:
    """The tasks of one event loop, to be shown within so many rows."""

    def __init__(self, rows: int, asked: Exchange | None) -> None:
        every = anyio.get_running_tasks()
        self.unseen = max(0, len(every) - MAX_TASKS)
        self._left = rows
        self._current = anyio.get_current_task().id
        self._frames: dict[int, list[FrameType]] = {}
        self._tasks: dict[int, anyio.TaskInfo] = {}
        self._children: dict[int | None, list[int]] = {}
        self._of: dict[Any, int] = {}  # an exchange or a job -> its task
        self._services: dict[str, int] = {}
        self._claimed: set[int] = set()  # those that have a place of their own in the tree
        for info in every[:MAX_TASKS]:
            self._add(info)
        if asked is not None and asked not in self._of:
            self._of[asked] = self._current
            self._claimed.add(self._current)

    def _add(self, info: anyio.TaskInfo) -> None:
        self._tasks[info.id] = info
        self._frames[info.id] = frames = list(frames_of(info.coro))
        self._children.setdefault(info.parent_id, []).append(info.id)
        owner, code = _owner_of(frames)
        if owner is not None:
            self._claimed.add(info.id)  # a reader belongs to its exchange, and is not shown
            if code is not _READER:
                self._of.setdefault(owner, info.id)
        elif info.name is not None and info.name.startswith("service "):
            self._services[info.name.removeprefix("service ")] = info.id

    def exchanges(self, live: Sequence[Exchange]) -> Section:
        """The requests and websockets, oldest first."""
        return self._section("Exchanges", live, self._exchange)

    def _exchange(self, exchange: Exchange) -> Node:
        (about,) = describe([exchange])
        # A path may hold what is nobody's business.
        route = exchange.scope.get("route_path_template") or "(no route)"
        name = f"{about.method or about.kind.upper()} {route}"
        return self._node(name, self._of.get(exchange), about.state, about.age)

    def services(self, services: Sequence[ServiceStatistics]) -> Section:
        """The services, in the order in which they start."""
        return self._section("Services", services, self._service)

    def _service(self, service: ServiceStatistics) -> Node:
        state = str(service.state)
        if service.restarts:
            state += f", {service.restarts} restart{'s' if service.restarts > 1 else ''}"
        if service.last_error is not None:
            state += f", last {service.last_error.partition(':')[0]}"  # a message may hold anything
        return self._node(service.name, self._services.get(service.name), state, service.since)

    def jobs(self, jobs: Sequence[Job]) -> Section:
        """The tasks of `start_soon`, and detached ones."""
        return self._section("Background tasks", jobs, self._job)

    def _job(self, job: Job) -> Node:
        return self._node(job.name, self._of.get(job), "", time.monotonic() - job.born)

    def others(self) -> Section:
        """Whatever else runs in this event loop: the server, and what others have started."""
        roots = [task for task in self._tasks if task not in self._claimed and self._is_root(task)]
        return self._section("Other tasks", roots, self._task)

    def _is_root(self, task: int) -> bool:
        parent = self._tasks[task].parent_id
        return parent is None or parent == task or parent not in self._tasks

    def _task(self, task: int) -> Node:
        return self._node(self._tasks[task].name or "(no name)", task)

    def _section(self, title: str, things: Sequence[T], node: Callable[[T], Node]) -> Section:
        return Section(title, len(things), self._nodes(things, node))

    def _nodes(self, things: Iterable[T], node: Callable[[T], Node]) -> tuple[Node, ...]:
        """As many as there are rows left."""
        return tuple(node(each) for each in takewhile(lambda _: self._left > 0, things))

    def _node(self, name: str, task: int | None, state: str = "", age: float | None = None) -> Node:
        self._left -= 1
        name = _sendable(name)
        if task is None:
            return Node(name, state, age)
        self._claimed.add(task)  # before its children: on asyncio the id of a parent that is over may be a child's
        place = Place("this page") if task == self._current else place_of(self._frames[task])
        children = [each for each in self._children.get(task, ()) if each not in self._claimed]
        shown = self._nodes(children, self._task)
        return Node(name, state, age, _sendable(place.where), place.awaits, shown, len(children) - len(shown))


def _sendable(text: str) -> str:
    """A text without halves of characters, which names of files have that are no UTF-8."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _owner_of(frames: Iterable[FrameType]) -> tuple[Any, CodeType | None]:
    """The exchange or job a task was started for, and the function that says so."""
    for frame in frames:
        for code, name in _OWNER_BY_CODE:
            if frame.f_code is code and (owner := frame.f_locals.get(name)) is not None:
                return owner, code
    return None, None
