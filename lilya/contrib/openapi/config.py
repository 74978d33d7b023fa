"""How the documentation of an API looks, and where it is.

app = Lilya(routes=[...], enable_openapi=True, openapi_config=OpenAPIConfig(title="The shop", version="1.2"))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Final

from lilya.contrib.openapi import _pages
from lilya.contrib.openapi._document import write_document
from lilya.encoders._json import json_bytes
from lilya.exceptions import ImproperlyConfigured
from lilya.introspection._graph import ApplicationGraph
from lilya.requests import Request
from lilya.responses.base import HTMLResponse, JSONResponse, Response
from lilya.routing._path import Path

__all__ = ["OpenAPIConfig"]

VERSIONS: Final = ("3.1.0", "3.1.1", "3.1.2", "3.2.0")
# The fields that say where something is; None leaves it out.
URLS: Final = (
    "openapi_url",
    "docs_url",
    "redoc_url",
    "stoplight_url",
    "rapidoc_url",
    "swagger_ui_oauth2_redirect_url",
)
INFO: Final[Mapping[str, str]] = {
    "summary": "summary",
    "description": "description",
    "terms_of_service": "termsOfService",
    "contact": "contact",
    "license": "license",
}
DEFAULT_SERVERS: Final = ({"url": "/"},)


@dataclass(kw_only=True)
class OpenAPIConfig:
    """What documentation says of an API besides its operations, where it is served, and by which viewers.

    Subclasses may give the fields other values: `class Ours(OpenAPIConfig): title = "The shop"`. `version` is that of
    the API (None: the application's). `servers`, `tags` (names or Tag Objects), `contact`, `license` and `webhooks` are
    as OpenAPI has them; `security` is one of several ways in, for all operations that do not say otherwise, written as
    `@openapi(security=...)` has it. `root_path_in_servers`: whether the path that a proxy or an include has taken off
    stands before the servers (None: as the settings say).

    The paths are those below the application; None leaves one out, and `openapi_url=None` all of them. The viewers are
    loaded by the browser from the given URLs, by default from a public network: give others to serve them yourself.
    `swagger_ui_parameters` are options of Swagger UI.

    Raises `ImproperlyConfigured` for a version of OpenAPI that is not written (3.1 and 3.2 are), and for a path that
    does not begin with a slash.
    """

    title: str = "Lilya"
    version: str | None = None
    summary: str | None = None
    description: str | None = None
    contact: Mapping[str, str] | None = None
    license: Mapping[str, str] | None = None
    terms_of_service: str | None = None
    servers: Sequence[Mapping[str, Any]] | None = None
    tags: Sequence[str | Mapping[str, Any]] | None = None
    security: Sequence[Any] | None = None
    webhooks: Mapping[str, Any] | None = None
    openapi_version: str = "3.2.0"
    root_path_in_servers: bool | None = None

    openapi_url: str | None = "/openapi.json"
    docs_url: str | None = "/docs/swagger"
    redoc_url: str | None = "/docs/redoc"
    stoplight_url: str | None = "/docs/elements"
    rapidoc_url: str | None = "/docs/rapidoc"
    swagger_ui_oauth2_redirect_url: str | None = "/docs/oauth2-redirect"

    swagger_js_url: str = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/swagger-ui-bundle.js"
    swagger_css_url: str = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/swagger-ui.css"
    swagger_favicon_url: str | None = None
    swagger_ui_init_oauth: Mapping[str, Any] | None = None
    swagger_ui_parameters: Mapping[str, Any] | None = None
    redoc_js_url: str = "https://cdn.jsdelivr.net/npm/redoc@2/bundles/redoc.standalone.js"
    redoc_favicon_url: str | None = None
    stoplight_js_url: str = "https://cdn.jsdelivr.net/npm/@stoplight/elements@9/web-components.min.js"
    stoplight_css_url: str = "https://cdn.jsdelivr.net/npm/@stoplight/elements@9/styles.min.css"
    stoplight_favicon_url: str | None = None
    rapidoc_js_url: str = "https://cdn.jsdelivr.net/npm/rapidoc@9/dist/rapidoc-min.js"
    rapidoc_favicon_url: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Fields that a subclass gives another value are its own fields, annotated or not."""
        super().__init_subclass__(**kwargs)
        known = {each.name: each.type for each in fields(OpenAPIConfig)}
        given = {name: known[name] for name in vars(cls) if name in known}
        cls.__annotations__ = {**given, **inspect.get_annotations(cls)}
        for name in given:
            if isinstance(value := vars(cls)[name], list | dict):
                setattr(cls, name, field(default_factory=partial(copy, value)))
        dataclass(kw_only=True)(cls)

    def __post_init__(self) -> None:
        if self.openapi_version not in VERSIONS:
            raise ImproperlyConfigured(
                f"{type(self).__name__}: openapi_version is {self.openapi_version!r}; there are {', '.join(VERSIONS)}"
            )
        for name in URLS:
            url = getattr(self, name)
            if url is not None and not url.startswith("/"):
                raise ImproperlyConfigured(
                    f"{type(self).__name__}: {name} is a path like '/docs', or None; got {url!r}"
                )

    def openapi(self, app: Any) -> dict[str, Any]:
        """The OpenAPI document of an application as it is now, made anew.

        Raises `ImproperlyConfigured` for security that is none.
        """
        info: dict[str, Any] = {"title": self.title, "version": self.version or app.version}
        info |= {name: getattr(self, each) for each, name in INFO.items() if getattr(self, each) is not None}
        document: dict[str, Any] = {
            "openapi": self.openapi_version,
            "info": info,
            "servers": [dict(each) for each in self.servers or DEFAULT_SERVERS],
            **write_document(app, self.openapi_version, self.security),
        }
        if self.tags is not None:
            document["tags"] = [{"name": each} if isinstance(each, str) else dict(each) for each in self.tags]
        if self.webhooks is not None:
            document["webhooks"] = dict(self.webhooks)
        return document

    def enable(self, app: Any) -> None:
        """Serve the document and its viewers in an application, before all of its routes: none of these hides them.

        Routes that another configuration has added before go. Nothing is written before somebody asks for it.
        """
        others = [each for each in app.routes if not isinstance(each, _DocumentationPath)]
        app.router.arrange([*_Published(self, app).routes(), *others])


class _DocumentationPath(Path):
    """A route of the documentation, which is not documented itself."""

    def __init__(self, path: str, handler: Callable[[Request], Any], name: str) -> None:
        super().__init__(path, handler, name=name, include_in_schema=False)


class _Published:
    """The documentation of one application. It is written when it is asked for, and again when the application has

    got other routes or layers since.
    """

    def __init__(self, config: OpenAPIConfig, app: Any) -> None:
        self._config = config
        self._app = app
        self._written: tuple[ApplicationGraph, bytes, list[Any], bytes] | None = None

    def routes(self) -> list[Path]:
        """The routes that are not left out."""
        config = self._config
        if config.openapi_url is None:
            return []
        served: list[tuple[str | None, Callable[[Request], Any], str]] = [
            (config.openapi_url, self._document, "openapi-document"),
            (config.docs_url, self._swagger, "openapi-swagger"),
            (config.redoc_url, self._redoc, "openapi-redoc"),
            (config.stoplight_url, self._elements, "openapi-elements"),
            (config.rapidoc_url, self._rapidoc, "openapi-rapidoc"),
            (config.swagger_ui_oauth2_redirect_url, self._oauth2_redirect, "openapi-oauth2-redirect"),
        ]
        return [_DocumentationPath(url, handler, name) for url, handler, name in served if url is not None]

    def _document(self, request: Request) -> Response:
        """Sync, so it runs in a thread: a large application takes a while to write."""
        graph = self._app.graph
        written = self._written
        if written is None or written[0] is not graph:
            document = self._config.openapi(self._app)
            servers = document.pop("servers")
            head = {name: document.pop(name) for name in ("openapi", "info")}
            # The servers depend on the request; everything else is kept as it is sent.
            written = self._written = (graph, json_bytes(head)[:-1], servers, json_bytes(document)[1:])
        _, start, servers, end = written
        return JSONResponse(start + b',"servers":' + json_bytes(self._servers(request, servers)) + b"," + end)

    def _servers(self, request: Request, servers: list[Any]) -> list[Any]:
        root = (request.scope.get("root_path") or "").rstrip("/")
        wanted = self._app.load_settings_value("root_path_in_servers", self._config.root_path_in_servers)
        if not root or not wanted or any(each.get("url") == root for each in servers):
            return servers
        return [{"url": root}, *(servers if self._config.servers else ())]

    def _at(self, request: Request, url: str | None) -> str:
        root: str = request.scope.get("root_path") or ""
        return f"{root.rstrip('/')}{url}"

    async def _swagger(self, request: Request) -> Response:
        config = self._config
        options: dict[str, Any] = {"deepLinking": True, **(config.swagger_ui_parameters or {})}
        if config.swagger_ui_oauth2_redirect_url is not None:
            options["oauth2RedirectUrl"] = self._at(request, config.swagger_ui_oauth2_redirect_url)
        if config.swagger_ui_init_oauth is not None:
            options["initOAuth"] = dict(config.swagger_ui_init_oauth)
        assets = {"js": config.swagger_js_url, "css": config.swagger_css_url}
        return self._page(request, _pages.swagger, assets, config.swagger_favicon_url, options)

    async def _redoc(self, request: Request) -> Response:
        return self._page(request, _pages.redoc, {"js": self._config.redoc_js_url}, self._config.redoc_favicon_url)

    async def _elements(self, request: Request) -> Response:
        assets = {"js": self._config.stoplight_js_url, "css": self._config.stoplight_css_url}
        return self._page(request, _pages.elements, assets, self._config.stoplight_favicon_url)

    async def _rapidoc(self, request: Request) -> Response:
        return self._page(
            request, _pages.rapidoc, {"js": self._config.rapidoc_js_url}, self._config.rapidoc_favicon_url
        )

    async def _oauth2_redirect(self, request: Request) -> Response:
        return HTMLResponse(_pages.OAUTH2_REDIRECT, headers={"cache-control": "no-store"})

    def _page(
        self, request: Request, write: Callable[..., str], assets: dict[str, str], favicon: str | None, *more: Any
    ) -> Response:
        assets |= {"favicon": favicon} if favicon else {}
        return HTMLResponse(write(self._config.title, self._at(request, self._config.openapi_url), assets, *more))
