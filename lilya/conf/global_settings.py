"""The settings of Lilya, and what they are by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lilya import __version__
from lilya.conf._base import BaseSettings
from lilya.conf.enums import EnvironmentType

__all__ = ["Settings"]


class Settings(BaseSettings):
    """What an application takes where its constructor is told nothing. Derive from it, as a dataclass or plainly:

        class AppSettings(Settings):
            env_prefix = "SHOP_"

            secret_key: Secret
            page_size: int = 20

    A field is an annotated attribute. An argument beats the environment variable of the field's name in upper case,
    behind `env_prefix`; that beats the file `env_file`, and that the default. Text is cast to the type of the field.

    Raises `FieldException`, a `ValueError`, when a value does not fit or is missing; it never shows the value.
    """

    debug: bool = False
    """Whether unhandled exceptions are answered with all there is to know about them."""

    environment: str = EnvironmentType.PRODUCTION
    """Where the application runs; see `EnvironmentType`."""

    version: str = __version__
    """The version of the application."""

    include_in_schema: bool = True
    """Whether the routes are part of the documentation of the API."""

    default_route_pattern: str = "route_patterns"
    """The name of the list that commands look for in a module of routes."""

    enforce_return_annotation: bool = False
    """Whether handlers must say what they return: one that does not is an error when the application is built."""

    ptpython_config_file: str = "~/.config/ptpython/config.py"
    """Where the shell finds the configuration of ptpython."""

    x_frame_options: str | None = None
    """What `XFrameOptionsMiddleware` sends; None: `DENY`."""

    trusted_proxies: Sequence[str] | None = None
    """Whom `get_ip` believes; None: the peers of unix sockets."""

    before_request: Sequence[Callable[..., Any]] | None = None
    """Hooks of the application before its routes."""

    after_request: Sequence[Callable[..., Any]] | None = None
    """Hooks of the application behind its routes."""

    logging_level: str = "INFO"
    """For a `logging_config` of yours to read: `StandardLoggingConfig(level=self.logging_level)`."""

    enable_openapi: bool = False
    """Whether the application documents its API."""

    infer_body: bool = False
    """Whether parameters that nothing else fills come from the body."""

    enable_intercept_global_exceptions: bool = False
    """Whether exceptions of the application's own middleware are answered by its handlers, too."""

    root_path_in_servers: bool = True
    """Whether the documentation of the API names the root path as a server."""

    root_path: str = ""
    """The path a proxy has taken off; empty: what the server says."""

    redirect_slashes: bool = True
    """Whether a path that matches but for its last slash is redirected."""

    csrf_token_name: str = "csrf_token"
    """The field of forms that holds the token against forged requests."""

    timezone: str = "UTC"
    """The time zone commands and schedulers work in."""

    cache_backend: Any = None
    """Where `lilya.decorators.cache` keeps values that are asked for in the application; None: in memory."""

    cache_default_ttl: int = 300
    """How long it keeps them, in seconds; 0: not at all."""

    on_disconnect: Literal["cancel", "ignore"] | None = None
    """What happens to a handler whose client leaves; None: it is cancelled where the method is safe."""

    request_timeout: float | None = None
    """How long a handler may take, in seconds; None: as long as it likes."""

    drain_timeout: float = 10.0
    """How long exchanges and tasks may go on after the shutdown began, in seconds."""

    @property
    def routes(self) -> Sequence[Any]:
        """Routes for those who ask for them; an application takes its own only from its constructor."""
        return []

    @property
    def middleware(self) -> Sequence[Any]:
        """The middleware of the application."""
        return []

    @property
    def permissions(self) -> Sequence[Any]:
        """The permissions of the application."""
        return []

    @property
    def exception_handlers(self) -> Mapping[Any, Any]:
        """The exception handlers of the application."""
        return {}

    @property
    def dependencies(self) -> Mapping[str, Any]:
        """The dependencies of the application."""
        return {}

    @property
    def on_startup(self) -> Sequence[Callable[..., Any]] | None:
        """What is called at the start."""
        return None

    @property
    def on_shutdown(self) -> Sequence[Callable[..., Any]] | None:
        """What is called at the stop."""
        return None

    @property
    def lifespan(self) -> Callable[..., Any] | None:
        """The lifespan of the application."""
        return None

    @property
    def logging_config(self) -> Any:
        """What sets up logging; None: nothing is set up."""
        return None

    @property
    def serializer_config(self) -> Any:
        """What reads and writes JSON; None: the standard library."""
        return None

    @property
    def openapi_config(self) -> Any:
        """How the application documents its API."""
        return None

    @property
    def runserver_theme(self) -> Any:
        """The colours of `runserver`."""
        return None
