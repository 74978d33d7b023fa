"""A long poll is answered with what is new, in time, and nothing is lost between two of them."""

from __future__ import annotations

from typing import Any

import anyio

from lilya.apps import Lilya
from lilya.concurrency.nursery import open_nursery
from lilya.pubsub import MemoryPubSub
from lilya.requests import Request
from lilya.responses import Response
from lilya.routing import Path
from lilya.testclient import AsyncTestClient
from lilya.testing.server import MemoryServer, http_scope


def application(pubsub: MemoryPubSub, **options: Any) -> Lilya:
    async def poll(request: Request) -> Response:
        return await request.poll(pubsub, "t", **options)

    return Lilya(routes=[Path("/", poll)])


async def test_what_is_there_is_answered_at_once_and_the_cursor_goes_on_behind_it() -> None:
    pubsub = MemoryPubSub(history=10)
    ids = [await pubsub.publish("t", number) for number in range(5)]
    async with AsyncTestClient(application(pubsub, limit=2)) as client:
        seen: list[Any] = []
        after = ids[0]
        while len(seen) < 4:
            response = await client.get("/", params={"after": after})
            answer = response.json()
            seen += answer["events"]
            after = answer["after"]
            assert response.headers["last-event-id"] == after == seen[-1]["id"]
            assert response.headers["cache-control"] == "no-store"
            assert not answer["gap"]
    assert seen == [{"id": ids[number], "topic": "t", "data": number} for number in range(1, 5)]
    assert anyio.current_time() == 0


async def test_a_poll_waits_for_news_and_takes_along_what_came_with_it() -> None:
    pubsub = MemoryPubSub(history=10)
    async with AsyncTestClient(application(pubsub)) as client, open_nursery() as nursery:

        async def publish() -> None:
            await anyio.sleep(7)
            with anyio.CancelScope(shield=True):
                await pubsub.publish("t", "news")

        nursery.start_soon(publish)
        answer = (await client.get("/")).json()
        assert [event["data"] for event in answer["events"]] == ["news"]
        assert anyio.current_time() == 7


async def test_without_news_it_is_204_in_time_and_the_cursor_loses_nothing() -> None:
    pubsub = MemoryPubSub(history=10)
    async with AsyncTestClient(application(pubsub, timeout=5)) as client:
        response = await client.get("/")
        assert (response.status_code, response.content, anyio.current_time()) == (204, b"", 5)
        assert "retry-after" not in response.headers
        await pubsub.publish("t", "between two polls")
        answer = (await client.get("/", params={"after": response.headers["last-event-id"]})).json()
        assert [event["data"] for event in answer["events"]] == ["between two polls"]


async def test_a_gap_is_said_at_once_and_once() -> None:
    pubsub = MemoryPubSub()
    async with AsyncTestClient(application(pubsub, timeout=5)) as client:
        before = (await client.get("/")).headers["last-event-id"]
        await pubsub.publish("t", "nobody kept it")
        for after in (before, "nonsense"):
            answer = (await client.get("/", params={"after": after})).json()
            assert (answer["events"], answer["gap"]) == ([], True)
        assert (await client.get("/", params={"after": answer["after"]})).status_code == 204


async def test_draining_answers_at_once_who_waits_and_who_comes() -> None:
    pubsub = MemoryPubSub(history=1)
    app = application(pubsub)
    async with AsyncTestClient(app) as client:
        answers: list[Any] = []

        async def poll() -> None:
            answers.append(await client.get("/"))

        async with open_nursery() as nursery:
            nursery.start_soon(poll)
            await anyio.sleep(1)
            app._life.drain()
        await poll()
        assert anyio.current_time() == 1
        assert [answer.status_code for answer in answers] == [204, 204]
        assert [answer.headers["retry-after"] for answer in answers] == ["1", "1"]
        await pubsub.publish("t", "last")
        answer = (await client.get("/", params={"after": answers[0].headers["last-event-id"]})).json()
        assert len(answer["events"]) == 1


async def test_a_client_that_leaves_leaves_nothing() -> None:
    pubsub = MemoryPubSub()
    app = application(pubsub)
    async with MemoryServer(app) as server:
        exchange = server.request(http_scope("GET", "/"))
        await anyio.sleep(1)
        assert pubsub.statistics().subscribers == 1
        exchange.disconnect()
        await anyio.wait_all_tasks_blocked()
        assert pubsub.statistics().subscribers == 0
        await exchange.aclose()
        assert app._life.drainees == {}
