"""The guide to pub/sub: its programs do what the page says."""

from __future__ import annotations

import anyio

from lilya.concurrency import open_nursery
from lilya.testclient import AsyncTestClient
from tests.docs.pages import program

PAGE = "docs/guide/pubsub.md"


async def test_what_is_published_comes_by_stream_by_poll_and_by_socket() -> None:
    module = program(PAGE)
    async with AsyncTestClient(module.app) as client, open_nursery() as nursery:

        async def listen_on_the_stream() -> None:
            async with client.stream("GET", "/topics/news/stream") as response:
                async for text in response.aiter_text():
                    assert 'event: news\ndata: {"a": 1}' in text
                    return

        async def poll() -> None:
            answer = (await client.get("/topics/news/poll")).json()
            assert [event["data"] for event in answer["events"]] == [{"a": 1}]

        async def listen_on_the_socket() -> None:
            async with client.websocket_connect("/topics/news/socket") as websocket:
                assert await websocket.receive_text() == '{"a":1}'

        for each in (listen_on_the_stream, poll, listen_on_the_socket):
            nursery.start_soon(each)
        await anyio.sleep(1)
        assert module.pubsub.statistics().subscribers == 3
        assert (await client.post("/topics/news", json={"a": 1})).json().keys() == {"id"}


async def test_a_thread_publishes() -> None:
    module = program(PAGE, 2)
    async with AsyncTestClient(module.app) as client, module.pubsub.subscribe("work") as events:
        assert (await client.get("/work")).status_code == 200
        assert (await anext(events)).data == "done"


async def test_the_short_way_of_a_long_poll() -> None:
    app = program("docs/guide/long-polling.md").app
    async with AsyncTestClient(app) as client:
        id = (await client.post("/events", content="first")).json()["id"]
        answer = (await client.get("/events", params={"after": ""})).json()
        assert answer == {"events": [{"id": id, "topic": "events", "data": "first"}], "after": id, "gap": False}
        assert (await client.get("/events", params={"after": id})).status_code == 204
        assert anyio.current_time() == 25
