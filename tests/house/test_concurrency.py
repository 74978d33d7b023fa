"""Who starts tasks, who knows which library, what an exception may meet: the laws, as far as the code shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.support.house import House, Module, called_name, functions, none, own_nodes, plant, real_house, root_name

HOUSE: Final = real_house()

# The one place that opens nurseries.
NURSERY: Final = "lilya.concurrency.nursery"
OPENS_A_NURSERY: Final = frozenset({"create_task_group", "open_nursery"})

# These start tasks that have no parent.
ORPHAN_MAKERS: Final = frozenset({"create_task", "ensure_future", "spawn_system_task"})

# Where trio is named: injecting a real nursery, embedding servers, and the tools for tests.
KNOWS_TRIO: Final = ("lilya.concurrency.nursery", "lilya.servers", "lilya.testing", "lilya.testclient")

# Bound to an event loop, or to the task they are made in.
PRIMITIVES: Final = frozenset(
    {"CancelScope", "CapacityLimiter", "Condition", "Event", "Lock", "ResourceGuard", "Semaphore", "StrictFIFOLock"}
    | {"TaskGroup", "create_memory_object_stream", "create_task_group", "fail_after", "move_on_after", "open_nursery"}
    | {"open_memory_channel", "fail_at", "move_on_at"}
)

# A `yield` inside one of these hands the scope to whoever runs the generator next. Ours are known by their names.
SCOPES: Final = OPENS_A_NURSERY | {"CancelScope", "fail_after", "fail_at", "move_on_after", "move_on_at"}
SCOPE_WORDS: Final = ("nursery", "task_group", "cancel_scope", "cancel_on", "shielded")
MAKES_YIELDING_SAFE: Final = frozenset({"asynccontextmanager", "contextmanager", "as_channel", "as_safe_channel"})

# Words of HTTP. `scope` is missing: there it is a cancel scope.
WORDS_OF_HTTP: Final = frozenset(
    {"asgi", "header", "headers", "http", "request", "requests", "response", "responses", "route", "websocket"}
)
TYPES_OF_ASGI: Final = frozenset({"ASGIApp", "Message", "Receive", "Scope", "Send"})

# Raises what it is given: see `lilya.concurrency.nursery`.
RAISES: Final = "raise_plain"

# Functions that catch everything and do not raise it themselves, each with where it goes.
HANDS_ON_BY_OTHER_MEANS: Final[Mapping[str, str]] = {
    "lilya.concurrency.nursery._Plain.__aexit__": "unwraps a group and raises what was in it",
}


def imports_of(house: House, *libraries: str) -> Iterator[tuple[Module, str]]:
    for module in house:
        for each in house.imports(module):
            if each.target.partition(".")[0] in libraries:
                yield module, str(each)


def asyncio_imported(house: House) -> list[str]:
    return [found for _, found in imports_of(house, "asyncio")]


def trio_imported(house: House) -> list[str]:
    return [
        found
        for module, found in imports_of(house, "trio")
        if not any(f"{module.name}.".startswith(f"{allowed}.") for allowed in KNOWS_TRIO)
    ]


def sansio_does_io(house: House) -> list[str]:
    return [found for module, found in imports_of(house, "anyio", "trio", "asyncio") if module.room == "_sansio"]


def orphans_made(house: House) -> list[str]:
    return [
        f"{module.at(node)} mentions {called_name(node)}"
        for module in house
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name | ast.Attribute) and called_name(node) in ORPHAN_MAKERS
    ]


def nurseries_opened(house: House) -> list[str]:
    """Those of a library; `open_nursery` of `lilya.concurrency.nursery` is what all others use."""
    found = []
    for module in house:
        aliases = {"anyio": "anyio", "trio": "trio", **_names_from_libraries(module)}
        for node in ast.walk(module.tree):
            if module.name == NURSERY or not isinstance(node, ast.Name | ast.Attribute):
                continue
            named = aliases.get(node.id) if isinstance(node, ast.Name) else node.attr
            if named in OPENS_A_NURSERY and root_name(node) in aliases:
                found.append(f"{module.at(node)} opens a nursery: {ast.unparse(node)}")
    return found


def words_of_http(house: House) -> list[str]:
    """Identifiers, not comments: the documentation may speak of what a task is for."""
    found = []
    for module in house:
        if module.room != "concurrency":
            continue
        found += [
            f"{module.at(node)} speaks of HTTP: {name}"
            for node in ast.walk(module.tree)
            for name in _identifiers(node)
            if WORDS_OF_HTTP & set(name.lower().split("_")) or name in TYPES_OF_ASGI
        ]
    return found


def _identifiers(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.alias):
        return [(node.asname or node.name).rpartition(".")[2]]
    names = (getattr(node, attribute, None) for attribute in ("id", "attr", "arg"))
    return [name for name in names if isinstance(name, str)]


def primitives_made_at_import(house: House) -> list[str]:
    found = []
    for module in house:
        aliases = _names_from_libraries(module)
        for node in _run_at_import(module.tree):
            if not isinstance(node, ast.Call) or called_name(node) not in PRIMITIVES | set(aliases):
                continue
            root = root_name(node)
            if root in {"anyio", "trio"} or aliases.get(root) in PRIMITIVES:
                found.append(f"{module.at(node)} makes {ast.unparse(node.func)} while it is imported")
    return found


def _names_from_libraries(module: Module) -> dict[str, str]:
    """Local name -> original name of what is imported from anyio or trio."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"anyio", "trio"}
        for alias in node.names
    }


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is loaded: of a function its decorators and defaults, but not its body."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        children: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    elif isinstance(node, ast.Lambda):
        children = []
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield child
        yield from _run_at_import(child)


def swallowed_exceptions(house: House) -> list[str]:
    found = []
    for module in house:
        for name, function in [("", module.tree), *functions(module)]:
            if f"{module.name}.{name}" in HANDS_ON_BY_OTHER_MEANS:
                continue
            for node in own_nodes(function):
                if isinstance(node, ast.ExceptHandler) and not _is_safe(node):
                    found.append(f"{module.at(node)} catches everything, cancellation too, and does not raise it")
                elif isinstance(node, ast.Call) and called_name(node) == "suppress" and _catches_all(*node.args):
                    found.append(f"{module.at(node)} suppresses everything, cancellation too")
    return found


def needless_grants(house: House) -> list[str]:
    known = {f"{module.name}.{name}" for module in house for name, _ in functions(module)}
    return [f"{name} is granted and does not exist" for name in HANDS_ON_BY_OTHER_MEANS if name not in known]


def _is_safe(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return False
    raises = (
        isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and called_name(node) == RAISES)
        for node in own_nodes(handler)
    )
    return not _catches_all(handler.type) or any(raises)


def _catches_all(*types: ast.expr) -> bool:
    names = {"BaseException", "BaseExceptionGroup", "Cancelled", "CancelledError", "get_cancelled_exc_class"}
    return any(called_name(node) in names for each in types for node in ast.walk(each) if isinstance(node, ast.expr))


def yields_across_a_scope(house: House) -> list[str]:
    found = []
    for module in house:
        for _, function in functions(module):
            if any(called_name(decorator) in MAKES_YIELDING_SAFE for decorator in function.decorator_list):
                continue
            for block in own_nodes(function):
                if isinstance(block, ast.With | ast.AsyncWith) and _opens_a_scope(block):
                    body = ast.Module(block.body, type_ignores=[])
                    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(body)):
                        found.append(f"{module.at(block)} yields inside a scope")
    return found


def _opens_a_scope(block: ast.With | ast.AsyncWith) -> bool:
    names = [
        called_name(node) for item in block.items for node in ast.walk(item.context_expr) if isinstance(node, ast.expr)
    ]
    return any(name in SCOPES or any(word in name for word in SCOPE_WORDS) for name in names)


def test_nothing_imports_asyncio() -> None:
    none(asyncio_imported(HOUSE))


def test_trio_is_named_only_where_it_must_be() -> None:
    none(trio_imported(HOUSE))


def test_the_rules_of_protocols_do_no_io() -> None:
    none(sansio_does_io(HOUSE))


def test_no_task_is_started_without_a_parent() -> None:
    none(orphans_made(HOUSE))


def test_nurseries_are_opened_in_one_module() -> None:
    none(nurseries_opened(HOUSE))


def test_concurrency_does_not_speak_of_http() -> None:
    none(words_of_http(HOUSE))


def test_no_primitive_is_made_while_a_module_is_imported() -> None:
    none(primitives_made_at_import(HOUSE))


def test_nobody_swallows_cancellation() -> None:
    none(swallowed_exceptions(HOUSE))


def test_every_grant_is_needed() -> None:
    none(needless_grants(HOUSE))


def test_no_generator_yields_inside_a_scope() -> None:
    none(yields_across_a_scope(HOUSE))


@pytest.mark.parametrize(
    "source", ["import asyncio", "from asyncio import sleep", "def f():\n    import asyncio.tasks"]
)
def test_an_import_of_asyncio_is_noticed(source: str) -> None:
    assert len(asyncio_imported(plant({"lilya.requests": source}))) == 1


@pytest.mark.parametrize("source", ["import trio", "from trio.lowlevel import checkpoint", "def f():\n    import trio"])
@pytest.mark.parametrize(("name", "found"), [("lilya._asgi.watch", 1), ("lilya.concurrency.channel", 1), (NURSERY, 0)])
def test_trio_named_elsewhere_is_noticed(source: str, name: str, found: int) -> None:
    assert len(trio_imported(plant({name: source}))) == found


def test_a_name_that_only_begins_like_an_allowed_one_is_not_allowed() -> None:
    assert trio_imported(plant({"lilya.testing_more": "import trio"}))


@pytest.mark.parametrize("source", ["import anyio", "from anyio import Event", "import trio", "import asyncio"])
def test_io_in_the_rules_of_protocols_is_noticed(source: str) -> None:
    assert len(sansio_does_io(plant({"lilya._sansio.http": source}))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "asyncio.create_task(f())",
        "loop = get_loop()\nloop.create_task(f())",
        "ensure_future(f())",
        "start = trio.lowlevel.spawn_system_task",
    ],
)
def test_a_task_without_a_parent_is_noticed(source: str) -> None:
    assert len(orphans_made(plant({"lilya.background": source}))) == 1


@pytest.mark.parametrize("call", ["anyio.create_task_group()", "group()", "trio.open_nursery()", "open_nursery()"])
@pytest.mark.parametrize(("name", "found"), [("lilya._asgi.exchange", 1), (NURSERY, 0)])
def test_a_nursery_opened_elsewhere_is_noticed(call: str, name: str, found: int) -> None:
    imports = "from anyio import create_task_group as group\nfrom trio import open_nursery\n"
    source = f"{imports}async def f():\n    async with {call} as nursery:\n        nursery.start_soon(g)"
    assert len(nurseries_opened(plant({name: source}))) == found


def test_a_nursery_of_our_own_may_be_opened_anywhere() -> None:
    source = "from lilya.concurrency.nursery import open_nursery\nmanager = open_nursery()"
    assert not nurseries_opened(plant({"lilya._asgi.exchange": source}))


@pytest.mark.parametrize(
    "source",
    [
        "def run(request): ...",
        "from lilya.types import Scope",
        "def f():\n    return headers",
        "class HTTP_Thing: ...",
        "task.http_version = 1",
        "f(request_timeout=1)",
    ],
)
def test_a_word_of_http_in_concurrency_is_noticed(source: str) -> None:
    assert len(words_of_http(plant({"lilya.concurrency.threads": source}))) == 1


def test_a_cancel_scope_is_no_word_of_http() -> None:
    source = 'def f():\n    """Used by a request."""\n    with CancelScope() as scope:\n        scope.cancel()'
    assert not words_of_http(plant({"lilya.concurrency.threads": source}))


@pytest.mark.parametrize(
    "source",
    [
        "import anyio\nlock = anyio.Lock()",
        "import anyio\nclass A:\n    lock = anyio.Lock()",
        "from anyio import Event as Flag\nflag = Flag()",
        "import trio\ndef f(limiter=trio.CapacityLimiter(1)): ...",
        "import anyio\nclass A:\n    def f(self, *, scope=anyio.CancelScope()): ...",
        "from anyio import create_memory_object_stream\nsend, receive = create_memory_object_stream[int](1)",
        "import anyio\n@decorate(anyio.Semaphore(1))\nasync def f(): ...",
    ],
)
def test_a_primitive_made_at_import_is_noticed(source: str) -> None:
    assert len(primitives_made_at_import(plant({"lilya.pubsub": source}))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import anyio\ndef f():\n    return anyio.Lock()",
        "import anyio\nclass A:\n    lock: anyio.Lock = field(default_factory=anyio.Lock)",
        "import anyio\nmake = lambda: anyio.Event()",
        "from threading import Lock\nlock = Lock()",
        "from anyio.lowlevel import RunVar\nvalue = RunVar('value')",
    ],
)
def test_a_primitive_made_later_is_fine(source: str) -> None:
    assert not primitives_made_at_import(plant({"lilya.pubsub": source}))


@pytest.mark.parametrize(
    "handler",
    [
        "except:\n    raise",
        "except:\n    pass",
        "except BaseException:\n    pass",
        "except (ValueError, BaseException) as error:\n    log(error)",
        "except anyio.get_cancelled_exc_class():\n    pass",
        "except trio.Cancelled:\n    return",
        "except* BaseException:\n    pass",
        "except BaseException:\n    def later():\n        raise",
    ],
)
def test_a_handler_that_swallows_cancellation_is_noticed(handler: str) -> None:
    body = "\n".join(f"    {line}" for line in f"try:\n    g()\n{handler}".splitlines())
    assert len(swallowed_exceptions(plant({"lilya.apps": f"def f():\n{body}"}))) == 1


def test_cancellation_suppressed_is_noticed() -> None:
    assert swallowed_exceptions(plant({"lilya.apps": "with contextlib.suppress(BaseException):\n    f()"}))


@pytest.mark.parametrize(
    "handler",
    [
        "except Exception:\n    pass",
        "except BaseExceptionGroup as group:\n    raise_plain(unwrap(group))",
        "except BaseException:\n    if x:\n        raise\n    raise ValueError from None",
    ],
)
def test_a_handler_that_lets_cancellation_through_is_fine(handler: str) -> None:
    assert not swallowed_exceptions(plant({"lilya.apps": f"try:\n    g()\n{handler}"}))


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize(
    "scope",
    [
        "anyio.CancelScope()",
        "open_nursery() as n",
        "fail_after(1)",
        "request.cancel_on_disconnect()",
        "a(), x.task_group()",
    ],
)
def test_a_yield_inside_a_scope_is_noticed(kind: str, scope: str) -> None:
    source = f"{kind} f():\n    with {scope}:\n        while True:\n            yield 1"
    assert len(yields_across_a_scope(plant({"lilya.responses": source}))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "@asynccontextmanager\nasync def f():\n    async with open_nursery() as n:\n        yield n",
        "@as_channel(max_buffer_size=1)\nasync def f():\n    async with open_nursery() as n:\n        yield n",
        "async def f():\n    with CancelScope():\n        await g()\n    yield 1",
        "async def f():\n    with CancelScope():\n        def g():\n            yield 1",
        "async def f():\n    with open_file() as file:\n        yield file",
    ],
)
def test_a_yield_outside_a_scope_or_in_a_context_manager_is_fine(source: str) -> None:
    assert not yields_across_a_scope(plant({"lilya.responses": source}))
