"""Work that goes on after the answer."""

from __future__ import annotations

import pytest

from tests.e2e.whole import Whole, reset, until

pytestmark = [pytest.mark.e2e]


@pytest.mark.parametrize("path", ["/later", "/detached"])
def test_the_answer_does_not_wait_for_it(whole: Whole, path: str) -> None:
    id = whole.new_id()
    with whole.connect() as connection:
        connection.ask(f"{path}?id={id}", "POST")
        answer = connection.answer()
        assert answer is not None
        assert (answer.body, answer.complete) == (b"at once", True)
        whole.said("working", id)
        whole.release()
        whole.said("worked", id)
    whole.until_idle()


@pytest.mark.parametrize("path", ["/later", "/detached"])
def test_the_next_request_on_the_connection_does_not_wait_for_it(whole: Whole, path: str) -> None:
    id = whole.new_id()
    with whole.connect() as connection:
        connection.ask(f"{path}?id={id}", "POST")
        assert connection.answer() is not None
        whole.said("working", id)
        next_answer = connection.get("/items/1")
        assert next_answer is not None
        assert next_answer.body == b'{"id":1}'
        whole.release()
    whole.said("worked", id)


@pytest.mark.parametrize("path", ["/later", "/detached"])
def test_it_survives_its_client(whole: Whole, path: str) -> None:
    whole.new_log()
    id = whole.new_id()
    with whole.connect() as connection:
        connection.ask(f"{path}?id={id}", "POST")
        assert connection.answer() is not None
        whole.said("working", id)
        reset(connection.sock)
    whole.is_well()
    whole.release()
    whole.said("worked", id)
    whole.until_idle()
    assert "Traceback" not in whole.new_log()


def test_a_failure_is_logged_once_and_costs_neither_the_others_nor_the_connection(whole: Whole) -> None:
    whole.new_log()
    id = whole.new_id()
    with whole.connect() as connection:
        connection.ask(f"/mixed?id={id}", "POST")
        assert connection.answer() is not None
        until(lambda: f"background {id}" in whole.process.log(), whole.process)
        whole.said("working", id)
        assert connection.get("/items/1") is not None
        whole.release()
        whole.said("worked", id)
        assert connection.get("/items/1") is not None
    log = whole.new_log()
    assert log.count("Traceback") == log.count(f"RuntimeError: background {id}") == 1
    assert "background task 'fail' of /mixed failed" in log
