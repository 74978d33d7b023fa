"""Services: long-lived tasks, started in order, kept alive by a policy, stopped in reverse order.

`Service` says what to run and how; it is checked when it is made. `Supervisor` runs a set of them in a nursery it is
given. They know tasks and nothing of HTTP.

    waiting -> starting -> running -> stopped          it returned, or was told to stop
                  ^           |
                  |           +-----> failed           for good: `ServiceFailed` leaves the nursery
                  |           v
                  +----- backing-off                   it is restarted after a pause

Every failure is logged once, with its traceback, under "lilya.services". The records carry `service` (its name),
`restarts` (so far) and, before a restart, `delay` (seconds).
"""

from __future__ import annotations

import enum
import inspect
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import anyio
from anyio.abc import TaskGroup, TaskStatus

from lilya._checks import check_count, check_seconds
from lilya._lazy import lazily
from lilya.concurrency.nursery import raise_plain, shielded, unwrap
from lilya.concurrency.threads import is_async_callable
from lilya.exceptions import ServiceFailed

if TYPE_CHECKING:
    import difflib
    import random
else:
    difflib = lazily("difflib")
    random = lazily("random")

__all__ = ["Restart", "Service", "ServiceState", "ServiceStatistics", "Supervisor", "check_services"]

Restart: TypeAlias = Literal["never", "on-failure", "always"]

# Name, number and reason of a restart.
OnRestart: TypeAlias = Callable[[str, int, BaseException | None], object]

logger = logging.getLogger("lilya.services")


class ServiceState(enum.StrEnum):
    """Where a service is in its life; the module draws it."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing-off"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServiceStatistics:
    """One service at one moment. `since`: seconds it has been in `state`. `last_error`: type and message."""

    name: str
    state: ServiceState
    restarts: int
    since: float
    last_error: str | None

    @property
    def ready(self) -> bool:
        """Whether it runs and has said that it is ready, or has ended in good order."""
        return self.state in (ServiceState.RUNNING, ServiceState.STOPPED)


class Service:
    """An async function that runs as long as the application does: `Service(fn, *args)`.

    When `fn` takes a keyword `task_status` the service is ready once it calls `task_status.started()`, else as soon as
    it is started. `name` stands in logs and statistics (default: the function's).

    `restart` decides when it ends by itself, once it was ready. "never": a failure is final. "on-failure": a failure is
    followed by a restart. "always": so is a return. The first restart waits `backoff[0]` seconds and each further one
    twice as long, up to `backoff[1]`, all shortened at random by up to a half; a run of `within` seconds begins anew.
    A service that would be restarted more than `max_restarts` times in `within` seconds has failed for good.

    `depends_on`: services, or names of services, that are ready before this one starts and stop after it. When one of
    them is restarted this one is left alone. `stop_timeout`: the seconds it has for its clean-up once it is cancelled.

    Raises `TypeError` or `ValueError` when it is put together wrongly.
    """

    def __init__(
        self,
        fn: Callable[..., Awaitable[object]],
        *args: Any,
        name: str | None = None,
        restart: Restart = "never",
        max_restarts: int = 5,
        within: float = 60.0,
        backoff: tuple[float, float] = (0.1, 30.0),
        depends_on: Sequence[Service | str] = (),
        stop_timeout: float = 5.0,
    ) -> None:
        self.name = _name(fn) if name is None else name
        self.takes_task_status = _takes_task_status(fn, args)
        if isinstance(depends_on, str | Service):
            raise TypeError(f"{self}: depends_on is a sequence, got {depends_on!r}: write depends_on=[{depends_on!r}]")
        self.fn = fn
        self.args = args
        self.restart: Restart = restart
        self.max_restarts = max_restarts
        self.within = within
        self.backoff = backoff
        self.depends_on = tuple(each.name if isinstance(each, Service) else each for each in depends_on)
        self.stop_timeout = stop_timeout
        self._check()

    def __repr__(self) -> str:
        return f"Service({self.name!r})"

    def _check(self) -> None:
        if self.restart not in get_args(Restart):
            wanted = ", ".join(map(repr, get_args(Restart)))
            raise ValueError(f"{self}: restart is one of {wanted}, got {self.restart!r}")
        check_count(f"{self}: max_restarts", self.max_restarts, least=0)
        check_seconds(f"{self}: within", self.within, finite=True)
        check_seconds(f"{self}: stop_timeout", self.stop_timeout, finite=True)
        first, longest = self.backoff
        if not 0 < first <= longest < math.inf:
            raise ValueError(
                f"{self}: backoff is (first, longest) in seconds with 0 < first <= longest, got {self.backoff!r}; "
                "without a pause a service that fails at once would keep the event loop busy"
            )


class Supervisor:
    """Starts, watches and stops services in a nursery it is given.

    Checks that the names of `services` differ, and that what they depend on is among them and makes no circle
    (`ValueError`). They start in the order given, after what they depend on. `jitter` gives random numbers in [0, 1).
    `on_restart` is called with name, number and reason (None: it had returned) of each restart; it must not raise.
    """

    def __init__(
        self,
        services: Iterable[Service],
        *,
        jitter: Callable[[], float] | None = None,
        on_restart: OnRestart | None = None,
    ) -> None:
        self._services = _in_order(check_services(services))
        self._jitter = random.random if jitter is None else jitter
        self._on_restart = on_restart
        self._units = self._new_units()

    def _new_units(self) -> list[_Unit]:
        return [_Unit(service, self._jitter, self._on_restart) for service in self._services]

    async def start(self, nursery: TaskGroup) -> None:
        """Start all services in `nursery`, each one when the one before is ready; return when all are.

        When one fails before it is ready those that run are stopped, in reverse order, and its exception is raised;
        the same when `start` is cancelled. From then on a service that fails for good raises `ServiceFailed` in
        `nursery`, with its last exception as the `__cause__`. After `stop()` they can be started again.
        """
        if any(unit.runs for unit in self._units):
            raise RuntimeError("the services are running: stop() them before they are started again")
        self._units = self._new_units()
        try:
            for unit in self._units:
                await nursery.start(unit.supervise, name=f"service {unit.service.name}")
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all services in reverse order: cancel each and wait for its end, at most its `stop_timeout` seconds.

        One that does not end in time is named in the log and left to the nursery, which goes on waiting for it.
        Nothing is restarted any more. It is shielded from cancellation: those seconds are its bound.
        """
        for unit in self._units:
            unit.stopping = True
        for unit in reversed(self._units):
            await unit.stop()

    def logged(self, failure: BaseException) -> bool:
        """Whether `failure`, which came out of the nursery, is the end of services: then it has been logged."""
        if isinstance(failure, BaseExceptionGroup):
            return all(self.logged(each) for each in failure.exceptions)
        return isinstance(failure, ServiceFailed) or any(unit.last_error is failure for unit in self._units)

    def statistics(self) -> tuple[ServiceStatistics, ...]:
        """A snapshot of every service, in the order in which they start."""
        return tuple(unit.statistics() for unit in self._units)


class _Unit:
    """One service from its start to its stop, restarts included."""

    def __init__(self, service: Service, jitter: Callable[[], float], on_restart: OnRestart | None) -> None:
        self.service = service
        self.stopping = False
        self._jitter = jitter
        self._on_restart = on_restart
        self._state = ServiceState.WAITING
        self._entered = self._began = 0.0  # both set when it starts
        self._restarts = 0
        self._recent: deque[float] = deque()  # when it was restarted, during the last `within` seconds
        self._delay = service.backoff[0]
        self.last_error: BaseException | None = None
        self._scope: anyio.CancelScope | None = None
        self._over: anyio.Event | None = None  # both belong to an event loop: made when there is one

    @property
    def runs(self) -> bool:
        return self._over is not None and not self._over.is_set()

    def statistics(self) -> ServiceStatistics:
        since = 0.0 if self._state is ServiceState.WAITING else anyio.current_time() - self._entered
        error = None if self.last_error is None else _described(self.last_error)
        return ServiceStatistics(self.service.name, self._state, self._restarts, since, error)

    async def stop(self) -> None:
        if self._scope is None or self._over is None:
            return
        self._scope.cancel()
        with shielded(self.service.stop_timeout):
            await self._over.wait()
        if self.runs:
            logger.error(
                "service %r did not stop within %g s after it was cancelled",
                self.service.name,
                self.service.stop_timeout,
                extra=self._extra(),
            )

    async def supervise(self, *, task_status: TaskStatus[None]) -> None:
        """The task of the service."""
        self._over = anyio.Event()
        try:
            with anyio.CancelScope() as self._scope:
                await self._keep_alive(task_status)
        finally:
            if self._state is not ServiceState.FAILED:
                self._enter(ServiceState.STOPPED)
            self._over.set()

    async def _keep_alive(self, boot: TaskStatus[None]) -> None:
        ready = _Ready(self, boot)
        failure = await self._run(ready)
        if not ready.given:
            self._enter(ServiceState.FAILED)
            raise_plain(failure or RuntimeError(f"{self.service} returned without calling task_status.started()"))
        while not self.stopping and (failure is not None or self.service.restart == "always"):
            delay = self._next_delay()
            if delay is None:
                raise self._given_up(failure) from failure
            self._enter(ServiceState.BACKING_OFF)
            logger.warning(
                "service %r %s; restarting it in %.3g s",
                self.service.name,
                "returned" if failure is None else "failed",
                delay,
                extra={**self._extra(), "delay": delay},
            )
            await anyio.sleep(delay)
            if self.stopping:  # not yet cancelled: those that depend on it go first
                return
            self._restarts += 1
            if self._on_restart is not None:
                self._on_restart(self.service.name, self._restarts, failure)
            failure = await self._run(_Ready(self, None))
        if failure is not None:
            self._enter(ServiceState.FAILED)

    async def _run(self, ready: _Ready) -> Exception | None:
        """Run the service once, to its end. Returns its failure; a cancellation passes through."""
        self._began = self._enter(ServiceState.STARTING)
        options = {"task_status": ready}
        if not self.service.takes_task_status:
            options = {}
            ready.started()
        try:
            await self.service.fn(*self.service.args, **options)
        except BaseException as exc:
            failure = unwrap(exc)
            if not isinstance(failure, Exception):
                cancelled = isinstance(failure, anyio.get_cancelled_exc_class())
                if not cancelled or _being_cancelled():
                    raise
                # Only asyncio has cancellations of no scope. Raised from here one would end the nursery in silence.
                self.last_error = failure
                raise self._given_up(failure) from failure
        else:
            return None
        self.last_error = failure
        logger.error("service %r failed", self.service.name, exc_info=failure, extra=self._extra())
        if not self.stopping and _being_cancelled():
            # By its nursery, which is told: a restart would be cancelled too.
            self._enter(ServiceState.FAILED)
            raise_plain(failure)
        return failure

    def _next_delay(self) -> float | None:
        """Seconds until the next restart, None when there is to be none."""
        service, now = self.service, anyio.current_time()
        while self._recent and self._recent[0] <= now - service.within:
            self._recent.popleft()
        if service.restart == "never" or len(self._recent) >= service.max_restarts:
            return None
        self._recent.append(now)
        first, longest = service.backoff
        if now - self._began >= service.within:
            self._delay = first
        delay, self._delay = self._delay, min(2 * self._delay, longest)
        return delay * (1 - self._jitter() / 2)

    def _given_up(self, failure: BaseException | None) -> ServiceFailed:
        self._enter(ServiceState.FAILED)
        service = self.service
        why = "it returned" if failure is None else _described(failure)
        runs = f"{self._restarts + 1} run{'s' if self._restarts else ''}"
        policy = f"restart={service.restart!r}"
        if service.restart != "never":
            policy += f", at most {service.max_restarts} restarts within {service.within:g} s"
        message = f"service {service.name!r} is given up after {runs} ({policy}): {why}"
        logger.critical(message, extra=self._extra())
        return ServiceFailed(detail=message)

    def _enter(self, state: ServiceState) -> float:
        self._state = state
        self._entered = anyio.current_time()
        return self._entered

    def _extra(self) -> dict[str, object]:
        return {"service": self.service.name, "restarts": self._restarts}


class _Ready:
    """The `task_status` of one run of a service."""

    def __init__(self, unit: _Unit, boot: TaskStatus[None] | None) -> None:
        self._unit = unit
        self._boot = boot
        self.given = False

    def started(self, value: object = None) -> None:
        """The service is ready. `value` is of no use here; it is taken because `TaskStatus` has it."""
        if self.given:
            raise RuntimeError(f"{self._unit.service} called task_status.started() twice in one run")
        self.given = True
        self._unit._enter(ServiceState.RUNNING)
        if self._boot is not None:
            self._boot.started()


def check_services(services: Iterable[Service]) -> tuple[Service, ...]:
    """`services`. Raises `TypeError` where one of them is none."""
    services = tuple(services)
    for service in services:
        if not isinstance(service, Service):
            raise TypeError(f"expected a Service, got {service!r}: write Service({_name(service)}, ...)")
    return services


def _in_order(services: Sequence[Service]) -> list[Service]:
    """The same services, each after those it depends on."""
    known: dict[str, Service] = {}
    for service in services:
        if service.name in known:
            raise ValueError(f"two services are called {service.name!r}: give one of them another name=...")
        known[service.name] = service
    ordered: dict[str, Service] = {}

    def visit(service: Service, above: tuple[str, ...]) -> None:
        if service.name in above:
            circle = " -> ".join([*above[above.index(service.name) :], service.name])
            raise ValueError(f"services depend on each other in a circle: {circle}")
        for name in service.depends_on:
            if name not in known:
                meant = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {meant[0]!r}?" if meant else f"there are: {', '.join(map(repr, known))}"
                raise ValueError(f"{service} depends on {name!r}, which is not among the services; {hint}")
            visit(known[name], (*above, service.name))
        ordered.setdefault(service.name, service)

    for service in services:
        visit(service, ())
    return list(ordered.values())


def _takes_task_status(fn: object, args: tuple[object, ...]) -> bool:
    """Whether `fn` has a keyword `task_status`; raises `TypeError` when it cannot be a service with these arguments."""
    if inspect.iscoroutine(fn):
        fn.close()
        raise TypeError(f"a service wants the function, got a coroutine: write Service({fn.__name__}, ...)")
    if not is_async_callable(fn):
        raise TypeError(
            f"a service is an async function without a yield, got {fn!r}; a blocking function can be one by "
            "Service(enforce_async_callable(fn), ...), which runs it in a worker thread"
        )
    signature = inspect.signature(fn)
    parameter = signature.parameters.get("task_status")
    takes_it = parameter is not None and parameter.kind is not parameter.VAR_KEYWORD
    try:
        signature.bind(*args, **({"task_status": None} if takes_it else {}))
    except TypeError as exc:
        raise TypeError(f"{_name(fn)}{signature} cannot be called with the arguments given: {exc}") from None
    return takes_it


def _being_cancelled() -> bool:
    return anyio.current_effective_deadline() == -math.inf


def _name(fn: object) -> str:
    while hasattr(fn, "func"):  # a partial, an AsyncCallable
        fn = fn.func
    return str(getattr(fn, "__name__", type(fn).__name__))


def _described(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}"
