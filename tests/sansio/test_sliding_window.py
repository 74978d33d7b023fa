"""The sliding window: never more than the limit, and never fewer than it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lilya._sansio.sliding_window import SlidingWindow


@given(
    limit=st.integers(1, 5),
    window=st.integers(1, 10),
    pauses=st.lists(st.floats(0, 4, allow_nan=False), max_size=60),
)
def test_in_no_window_are_more_than_the_limit_and_a_place_is_free_when_it_says_so(
    limit: int, window: int, pauses: list[float]
) -> None:
    counted = SlidingWindow()
    now = 1000.0
    let_by: list[float] = []
    for pause in pauses:
        now += pause
        within = [time for time in let_by if time > now - window]
        verdict = counted.hit(now, limit, window)
        assert verdict.allowed == (len(within) < limit)
        if verdict.allowed:
            let_by.append(now)
            within.append(now)
        assert verdict.remaining == limit - len(within)
        assert abs(verdict.reset - (within[0] + window - now)) < 1e-6
        assert 1 <= verdict.retry_after <= window + 1
        assert all(sum(start - window < time <= start for time in let_by) <= limit for start in let_by)


def test_what_is_over_is_forgotten() -> None:
    counted = SlidingWindow()
    assert counted.hit(0, 1, 10).allowed
    assert not counted.forget(9.9, 10)
    assert counted.forget(10, 10)
