"""Sessions that somebody else wants."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.middleware._signing import Signer
from lilya.middleware.sessions import SessionTooLarge
from tests.routing.client import call, fail
from tests.security.victim import KEY, ask, jar, victim


def forged() -> list[str]:
    """Cookies made of a genuine one."""
    genuine = Signer([KEY.encode()]).sign(b'{"user":"eve"}')
    data, stamp, signature = genuine.split(".")
    other = urlsafe_b64encode(b'{"user":"victim"}').decode().rstrip("=")
    return [
        f"{other}.{stamp}.{signature}",
        f"{data}.{int(stamp, 16) + 1:x}.{signature}",
        f"{data}.{stamp}.{signature[:-2]}",
        f"{data}.{stamp}.{signature}x",
        f"{data}.{stamp}.",
        f"{data}.{stamp}",
        f"{data}..{signature}",
        f".{stamp}.{signature}",
        f"{data}.{stamp}.{signature[::-1]}",
        Signer([b"another key"]).sign(b'{"user":"victim"}'),
        "....",
        "null",
        "é" * 10,
        "%00",
        "x" * 100_000,
    ]


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("number", range(15))
async def test_tampering(number: int, store: bool) -> None:
    answer = await ask(victim(store=store), "/", "GET", f"session={forged()[number]}")
    assert (answer.status, answer.json) == (200, {})


@given(junk=st.binary(max_size=60))
def test_any_bytes_at_all(junk: bytes) -> None:
    assert Signer([KEY.encode()]).read(junk.decode("latin-1")) is None


@pytest.mark.parametrize("payload", [b"", b"1", b"[]", b"null", b"{", b'{"a":NaN}', b"\xff", b"[" * 100_000, b'"text"'])
async def test_a_payload_of_ours_that_is_no_session(payload: bytes) -> None:
    cookie = f"session={Signer([KEY.encode()]).sign(payload)}"
    for store in (True, False):
        answer = await ask(victim(store=store), "/", "GET", cookie)
        assert (answer.status, answer.json) == (200, {})


async def test_replay_after_logout() -> None:
    app = victim()
    stolen = jar(await ask(app, "/login"))
    assert (await ask(app, "/", "GET", stolen)).json == {"user": "victim"}
    await ask(app, "/logout", "GET", stolen)
    assert (await ask(app, "/", "GET", stolen)).json == {}
    # And it stays so, whatever is done with the old cookie.
    revived = jar(await ask(app, "/login", "GET", stolen))
    assert revived != stolen
    assert (await ask(app, "/", "GET", stolen)).json == {}


async def test_fixation_by_a_session_of_the_attacker() -> None:
    app = victim()
    planted = jar(await ask(app, "/fill/1"))
    assert planted
    theirs = jar(await ask(app, "/login", "GET", planted))
    assert theirs != planted
    assert (await ask(app, "/", "GET", planted)).json == {}
    assert (await ask(app, "/", "GET", theirs)).json["user"] == "victim"


async def test_fixation_by_an_id_of_the_attackers_choice() -> None:
    app = victim()
    for chosen in ("chosen", Signer([b"guessed"]).sign(b"chosen"), Signer([KEY.encode()]).sign(b"chosen")):
        given = jar(await ask(app, "/fill/1", "GET", f"session={chosen}"))
        assert "chosen" not in given
        data = given.removeprefix("session=").split(".")[0]
        assert urlsafe_b64decode(data + "=" * (-len(data) % 4)) != b"chosen"
        assert (await ask(app, "/", "GET", f"session={chosen}")).json == {}


async def test_oversize_of_a_cookie_the_client_sends() -> None:
    for store in (True, False):
        answer = await ask(victim(store=store), "/", "GET", "; ".join(f"session={n}" for n in range(10_000)))
        assert (answer.status, answer.json) == (200, {})


@pytest.mark.parametrize("store", [True, False])
async def test_oversize_of_what_is_kept(store: bool) -> None:
    answer = await fail(victim(store=store), "/fill/100000")
    assert isinstance(answer.error, SessionTooLarge)
    assert answer.status == 500
    assert not jar(answer)


async def test_a_cookie_of_the_session_that_scripts_read() -> None:
    answer = await call(victim(), "/login")
    assert "; httponly; samesite=lax" in answer.headers["set-cookie"]


async def test_a_session_kept_for_another_by_a_cache() -> None:
    app = victim()
    assert (await ask(app, "/", "GET", jar(await ask(app, "/login")))).headers["vary"] == "Cookie"
    assert json.loads((await ask(app, "/")).text) == {}
