"""`Live` and `Ready`: what whoever runs the process is told, and that asking costs little."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from lilya.apps import Lilya
from lilya.concurrency import Service
from lilya.contrib.health import Live, Ready
from lilya.exceptions import ImproperlyConfigured, ServiceFailed
from lilya.routing import Include, Path
from lilya.testclient import AsyncTestClient
from lilya.testing import cancel_everywhere, disconnect_everywhere
from tests.routing.client import call, talk
from tests.support.life import running
from tests.support.wire import http_scope, request

JSON = [(b"accept", b"application/json")]


def app_with(ready: Ready, *services: Service) -> Lilya:
    return Lilya(routes=[Include("/livez", app=Live()), Path("/readyz", ready)], services=services)


async def passes() -> None:
    await anyio.sleep(0.5)


async def breaks() -> None:
    raise OSError("postgresql://user:secret@db is away")


async def hangs() -> None:
    await anyio.sleep_forever()


async def says_no() -> bool:
    return False


async def test_an_app_that_runs_is_live_and_ready_in_text_and_in_json() -> None:
    async with AsyncTestClient(app_with(Ready({"passes": passes}))) as client:
        for path, word in (("/livez", "live"), ("/readyz", "ready")):
            text = await client.get(path)
            assert (text.status_code, text.text) == (200, f"{word}\n")
            assert (text.headers["cache-control"], text.headers["vary"]) == ("no-store", "Accept")
            json = await client.get(path, headers={"accept": "application/json"})
            assert json.json() == {"status": word, "reasons": []}
            assert (await client.head(path)).status_code == 200


async def test_other_methods_are_refused() -> None:
    async with AsyncTestClient(app_with(Ready())) as client:
        answer = await client.post("/livez")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("page", [Live(), Ready()])
async def test_a_part_used_alone_answers_and_refuses_by_itself(page: Any) -> None:
    assert (await call(page)).status == 200
    assert (await call(page, "/", "POST")).status == 405
    assert (await talk(page)).closed[0] == 1000


async def test_before_the_start_an_app_is_live_and_not_ready() -> None:
    app = app_with(Ready())
    assert (await call(app, "/livez")).status == 200
    answer = await call(app, "/readyz")
    assert (answer.status, answer.text) == (503, "not ready\nthe start-up is not complete\n")


async def test_a_service_can_hear_that_its_app_is_not_ready_yet() -> None:
    answers: list[int] = []

    async def asks(*, task_status: TaskStatus[None]) -> None:
        answers.append((await call(app, "/readyz")).status)
        task_status.started()
        await anyio.sleep_forever()

    app = app_with(Ready(), Service(asks))
    async with running(app):
        answers.append((await call(app, "/readyz")).status)
    assert answers == [503, 200]


async def test_an_app_that_drains_is_live_and_not_ready() -> None:
    app = app_with(Ready({"passes": passes}))
    async with AsyncTestClient(app) as client:
        app.drain()
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz", headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "reasons": ["draining"]})


async def test_after_a_crash_an_app_is_neither() -> None:
    async def crashes() -> None:
        await anyio.sleep(1)
        raise ValueError

    app = app_with(Ready(), Service(crashes))

    async def live() -> None:
        async with running(app):
            await anyio.sleep(2)
            assert [(await call(app, path)).status for path in ("/livez", "/readyz")] == [503, 503]

    with pytest.raises(ServiceFailed):
        await live()


async def test_a_required_service_that_is_down_is_named_and_others_are_not() -> None:
    async def flaky() -> None:
        await anyio.sleep(1)
        if anyio.current_time() - began < 5:
            raise ValueError("secret")
        await anyio.sleep_forever()

    async def done() -> None:
        """A service that has ended in good order is no reason to send nobody."""

    services = [
        Service(flaky, name="required", restart="on-failure", backoff=(10, 10)),
        Service(flaky, name="optional", restart="on-failure", backoff=(1000, 1000)),
        Service(done),
    ]
    app = app_with(Ready(services=[services[0], "done"]), *services)
    began = anyio.current_time()
    async with AsyncTestClient(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        await anyio.sleep(2)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready\nservice 'required' is backing-off\n")
        assert [each.ready for each in app.statistics().services] == [False, False, True]
        await anyio.sleep(10)
        assert (await client.get("/readyz")).status_code == 200


async def test_all_services_are_required_where_none_are_named() -> None:
    async def flaky() -> None:
        await anyio.sleep(1)
        raise ValueError("secret")

    app = app_with(Ready(), Service(flaky, restart="on-failure", backoff=(10, 10)))
    async with running(app):
        await anyio.sleep(2)
        assert (await call(app, "/readyz")).text == "not ready\nservice 'flaky' is backing-off\n"


async def test_a_service_nobody_has_is_never_ready() -> None:
    app = app_with(Ready(services=["mailer"]))
    async with running(app):
        assert (await call(app, "/readyz")).text == "not ready\nservice 'mailer' does not exist\n"


async def test_checks_run_at_once_each_within_its_time_and_say_nothing_of_why() -> None:
    ready = Ready({"passes": passes, "breaks": breaks, "hangs": hangs, "says no": says_no}, timeout=1.5)
    began = anyio.current_time()
    answer = await call(ready, headers=JSON)
    assert anyio.current_time() - began == pytest.approx(1.5)
    assert answer.status == 503
    assert sorted(answer.json["reasons"]) == [
        "check 'breaks' failed",
        "check 'hangs' took more than 1.5 s",
        "check 'says no' failed",
    ]


async def test_the_log_tells_of_a_check_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    well = False

    async def check() -> bool:
        return well

    ready = Ready({"db": check})
    with caplog.at_level(logging.INFO, "lilya.health"):
        for well in (False, False, True, True, False):  # noqa: B007 (the check reads it)
            await call(ready)
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert {vars(each)["check"] for each in caplog.records} == {"db"}


async def test_however_many_ask_a_check_runs_once_at_a_time() -> None:
    runs = 0

    async def check() -> None:
        nonlocal runs
        runs += 1
        await anyio.sleep(1)

    ready = Ready({"db": check})
    answers: list[int] = []

    async def ask() -> None:
        answers.append((await call(ready)).status)

    async with anyio.create_task_group() as clients:
        for _ in range(50):
            clients.start_soon(ask)
    assert (runs, answers) == (1, [200] * 50)
    await ask()
    assert runs == 2


async def test_who_waits_for_checks_of_somebody_who_is_cancelled_runs_them_anew() -> None:
    ready = Ready({"passes": passes})
    answers: list[int] = []

    async def ask() -> None:
        answers.append((await call(ready)).status)

    async with anyio.create_task_group() as clients:
        first = anyio.CancelScope()

        async def leaves() -> None:
            with first:
                await ask()

        clients.start_soon(leaves)
        await anyio.sleep(0.1)
        clients.start_soon(ask)
        clients.start_soon(ask)
        await anyio.sleep(0.1)
        first.cancel()
    assert answers == [200, 200]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ready({"db": lambda: None}),  # type: ignore[dict-item, return-value]
        lambda: Ready(timeout=0),
        lambda: Ready(timeout=float("inf")),
        lambda: Ready(services="mailer"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Ready]) -> None:
    with pytest.raises(ImproperlyConfigured, match="Ready"):
        make()


async def test_probes_that_leave_or_are_cancelled_at_any_step_leave_nothing() -> None:
    ready = Ready({"passes": passes, "says no": says_no})
    assert await disconnect_everywhere(lambda: (ready, http_scope()), [request()]) > 2
    assert await cancel_everywhere(lambda: (ready, http_scope()), [request()]) > 2
    assert (await call(ready)).status == 503
