from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._paths.matchers import MOST_CUTS, segment_matcher, tail_match
from lilya._paths.template import PathTemplate

LITERALS = st.sampled_from(["", "-", "--", "a", "-a", "1"])
TEXTS = st.text("-a1", max_size=12)


def matched(raw: str, text: str) -> dict[str, Any] | None:
    """The values that `text` gives the one segment of a template."""
    template = PathTemplate.parse(raw)
    matcher = segment_matcher(template.segments[0])
    if not matcher.accept(text):
        return None
    return dict(zip(template.names, [convert(text) for convert in matcher.converters], strict=True))


def by_regex(raw: str, text: str) -> dict[str, Any] | None:
    template = PathTemplate.parse(raw)
    match = template.regex.match(f"/{text}")
    if match is None:
        return None
    return {name: transformer.transform(match[name]) for name, transformer in template.transformers.items()}


@given(st.lists(LITERALS, min_size=2, max_size=5), TEXTS)
def test_several_params_of_kind_str_match_as_the_regex_does(literals: list[str], text: str) -> None:
    raw = "/" + literals[0] + "".join(f"{{p{i}}}{literal}" for i, literal in enumerate(literals[1:]))
    assert matched(raw, text) == by_regex(raw, text)


@given(st.lists(st.tuples(st.sampled_from(["str", "int", "float"]), LITERALS), min_size=1, max_size=4), TEXTS)
def test_several_params_of_any_kind_match_as_the_regex_does(parts: list[tuple[str, str]], text: str) -> None:
    raw = "/" + "".join(f"{{p{i}:{kind}}}{literal}" for i, (kind, literal) in enumerate(parts))
    assert matched(raw, text) == by_regex(raw, text)


@given(
    st.lists(st.sampled_from(["", "/", "a", "/a/", "a/\n", "/{p:path}/", "-"]), min_size=2, max_size=4),
    st.text("/a-\n", max_size=12),
)
def test_several_params_of_kind_path_match_as_the_regex_does(literals: list[str], rest: str) -> None:
    raw = "/" + "{q:path}".join(literals).replace("{q", "{q0", 1).replace("{q:", "{q1:", 1).replace("{q:", "{q2:", 1)
    if raw.count("{p:") > 1:
        raw = raw.replace("{p:", "{p1:", 1).replace("{p:", "{p2:", 1).replace("{p:", "{p3:", 1)
    template = PathTemplate.parse(raw)
    match = tail_match(template.segments, prefix=False)(rest)
    expected = by_regex(raw, rest)
    assert match == (None if expected is None else (expected, len(rest)))


def test_many_places_to_cut_a_segment_cost_no_more_than_its_length() -> None:
    # Backtracking would take 10**10 steps to find that there is no dot.
    assert matched("/{a}-{b}-{c}.x{d}", "-" * 100_000) is None
    assert matched("/{a}-{b}", "-" * 100_000) == {"a": "-" * 99_998, "b": "-"}


@pytest.mark.parametrize(
    ("raw", "longest"),
    [
        ("/{a}-{b}-{n:int}", 2048),
        ("/{a}-{b}-{c}-{n:int}", 161),
        ("/{a}-{n:int}-{m:float}-{at:datetime}-{id:uuid}", None),
    ],
)
def test_text_with_too_many_ways_to_cut_it_does_not_match(raw: str, longest: int | None) -> None:
    ends = {"n": "7", "m": "1.5", "at": "2024-01-02T03:04:05", "id": "00000000-0000-0000-0000-000000000001"}
    template = PathTemplate.parse(raw)
    sample = template.format.format(**{name: ends.get(name, "-") for name in template.names})[1:]
    at_most = "-" * ((longest or MOST_CUTS // 100) - len(sample)) + sample
    assert matched(raw, at_most) is not None
    assert (matched(raw, "-" + at_most) is None) is (longest is not None)


def test_the_bound_of_a_tail_counts_only_what_can_end_anywhere() -> None:
    one = tail_match(PathTemplate.parse("/{repo:path}/blob/{ref}").segments, prefix=False)
    two = tail_match(PathTemplate.parse("/{repo:path}/blob/{ref}/{file:path}").segments, prefix=False)
    assert one("a/" * 3000 + "blob/main") == ({"repo": "a/" * 2999 + "a", "ref": "main"}, 6009)
    assert two("a/" * 500 + "blob/main/" + "b/" * 500) == (
        {"repo": "a/" * 499 + "a", "ref": "main", "file": "b/" * 500},
        2010,
    )
    assert two("a/" * 500 + "blob/main/" + "b/" * 600) is None
