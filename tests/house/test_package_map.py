"""Every public import path is there: the map of the package, walked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import pytest

# Module -> the names it is known for. A module that is missing here may come; one that is here may not go.
MAP: Final[Mapping[str, str]] = {
    "lilya": "__version__",
    "lilya._internal._exception_handlers": "handle_value_error",
    "lilya.apps": "Lilya ChildLilya BaseLilya",
    "lilya.authentication": "AuthenticationBackend AuthCredentials UserInterface BaseUser BasicUser AnonymousUser "
    "has_required_scope requires",
    "lilya.background": "Task Tasks",
    "lilya.caches.memory": "InMemoryCache",
    "lilya.clientip": "get_ip",
    "lilya.compat": "reverse is_async_callable run_sync AsyncResourceHandler md5_hexdigest import_string "
    "is_class_and_subclass",
    "lilya.concurrency": "run_in_threadpool enforce_async_callable AsyncCallable iterate_in_threadpool",
    "lilya.conf": "settings reload_settings override_settings",
    "lilya.conf.enums": "EnvironmentType StrEnum",
    "lilya.conf.exceptions": "FieldException",
    "lilya.conf.global_settings": "Settings",
    "lilya.context": "Context g G get_g request_context session RequestContext SessionContext",
    "lilya.controllers": "Controller WebSocketController",
    "lilya.contrib.openapi.config": "OpenAPIConfig",
    "lilya.contrib.openapi.decorator": "openapi OpenAPIResponse",
    "lilya.contrib.openapi.params": "Query",
    "lilya.contrib.security.api_key": "APIKeyInCookie APIKeyInHeader APIKeyInQuery",
    "lilya.contrib.security.http": "HTTPAuthorizationCredentials HTTPBasic HTTPBasicCredentials HTTPBearer HTTPDigest",
    "lilya.contrib.security.oauth2": "OAuth2 OAuth2AuthorizationCodeBearer OAuth2PasswordBearer "
    "OAuth2PasswordRequestForm OAuth2PasswordRequestFormStrict",
    "lilya.contrib.security.open_id": "OpenIdConnect",
    "lilya.contrib.security.scopes": "Scopes",
    "lilya.crypto": "get_random_secret_key",
    "lilya.datastructures": "ALL Address Cookie DataUpload FormData FormMultiDict Header ImmutableMultiDict MultiDict "
    "QueryParam ScopeHandler Secret SendReceiveSniffer State URL URLPath UploadFile",
    "lilya.decorators": "observable cache",
    "lilya.dependencies": "Provide Provides Resolve Security",
    "lilya.encoders": "ENCODER_TYPES register_encoder Encoder EncoderProtocol MoldingProtocol json_encode "
    "apply_structure DataclassEncoder NamedTupleEncoder ModelDumpEncoder EnumEncoder PurePathEncoder DateEncoder "
    "BytesEncoder StructureEncoder UUIDEncoder TimedeltaEncoder",
    "lilya.enums": "ScopeType EventType SignatureDefault HTTPType WebsocketType DefaultPort Event MessageMode Match "
    "HTTPMethod HTTPCorsEnum HeaderEnum MediaType WebSocketState FormMessage Scope",
    "lilya.environments": "EnvironLoader",
    "lilya.exceptions": "LilyaException HTTPException ImproperlyConfigured InternalServerError NotAuthorized "
    "PermissionDenied NotFound MethodNotAllowed UnprocessableEntity ValidationError TemplateNotFound "
    "ContentRangeNotSatisfiable WebSocketException ContinueRouting MissingDependency WebSocketRuntimeError "
    "AuthenticationError EnvError EnvironmentError MultiPartException",
    "lilya.introspection": "ApplicationGraph EdgeKind GraphEdge GraphNode NodeKind",
    "lilya.lifecycle": "on_startup on_shutdown get_hooks run_hooks",
    "lilya.logging": "logger bind_logger LoggingConfig StandardLoggingConfig setup_logging LoggerProtocol",
    "lilya.middleware": "DefineMiddleware Middleware",
    "lilya.middleware.app_settings": "ApplicationSettingsMiddleware",
    "lilya.middleware.asyncexit": "AsyncExitStackMiddleware",
    "lilya.middleware.authentication": "AuthenticationMiddleware BaseAuthMiddleware",
    "lilya.middleware.clickjacking": "XFrameOptionsMiddleware",
    "lilya.middleware.clientip": "ClientIPMiddleware ClientIPScopeOnlyMiddleware",
    "lilya.middleware.compression": "GZipMiddleware",
    "lilya.middleware.cors": "CORSMiddleware",
    "lilya.middleware.csrf": "CSRFMiddleware",
    "lilya.middleware.exceptions": "ExceptionMiddleware",
    "lilya.middleware.global_context": "GlobalContextMiddleware LifespanGlobalContextMiddleware",
    "lilya.middleware.httpsredirect": "HTTPSRedirectMiddleware",
    "lilya.middleware.lilya_exception": "LilyaExceptionMiddleware",
    "lilya.middleware.request_context": "RequestContextMiddleware",
    "lilya.middleware.security": "SecurityMiddleware",
    "lilya.middleware.server_error": "ServerErrorMiddleware",
    "lilya.middleware.session_context": "SessionContextMiddleware",
    "lilya.middleware.session_fixing": "SessionFixingMiddleware",
    "lilya.middleware.sessions": "SessionMiddleware",
    "lilya.middleware.trustedhost": "TrustedHostMiddleware",
    "lilya.middleware.trustedreferrer": "TrustedReferrerMiddleware",
    "lilya.middleware.wsgi": "WSGIMiddleware",
    "lilya.params": "Query Header Cookie",
    "lilya.permissions": "DefinePermission Permission",
    "lilya.permissions.deny_all": "DenyAll",
    "lilya.protocols": "AuthenticationProtocol CacheBackend LoggerProtocol MiddlewareProtocol PermissionProtocol "
    "SerializerProtocol",
    "lilya.protocols.authentication": "AuthenticationProtocol",
    "lilya.protocols.cache": "CacheBackend",
    "lilya.protocols.logging": "LoggerProtocol",
    "lilya.protocols.middleware": "MiddlewareProtocol",
    "lilya.protocols.permissions": "PermissionProtocol",
    "lilya.protocols.serializer": "SerializerProtocol",
    "lilya.ranges": "Range ContentRanges parse_range_value ContentRangeNotSatisfiable",
    "lilya.requests": "Request Connection ClientDisconnect",
    "lilya.responses": "Response JSONResponse RedirectResponse StreamingResponse FileResponse TemplateResponse "
    "DispositionResponse SimpleFileResponse ImageResponse CSVResponse NDJSONResponse XMLResponse YAMLResponse "
    "MessagePackResponse EventStreamResponse make_response HTMLResponse HTML PlainText TextResponse Ok Error",
    "lilya.routing": "BasePath Path RoutePath Route WebSocketPath WebSocketRoute Include Host Router BaseRouter "
    "RoutingMethodsMixin NoMatchFound PassPartialMatches PathHandler get_name compile_path get_route_path",
    "lilya.serializers": "serializer SerializerConfig StandardSerializerConfig CompactSerializer setup_serializer",
    "lilya.staticfiles": "StaticFiles",
    "lilya.status": "HTTP_100_CONTINUE HTTP_301_MOVED_PERMANENTLY HTTP_413_REQUEST_ENTITY_TOO_LARGE "
    "HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE HTTP_511_NETWORK_AUTHENTICATION_REQUIRED WS_1000_NORMAL_CLOSURE "
    "WS_1015_TLS_HANDSHAKE",
    "lilya.templating": "Jinja2Template Jinja2Templates",
    "lilya.templating.controllers": "TemplateController ListController FormController",
    "lilya.templating.jinja": "Jinja2Template Jinja2Templates",
    "lilya.testclient": "TestClient AsyncTestClient create_client create_async_client override_settings "
    "WebSocketTestSession WebSocketDenialResponse WebSocketDisconnect",
    "lilya.testclient.exceptions": "ASGISpecViolation",
    "lilya.transformers": "TRANSFORMER_TYPES Transformer register_path_transformer",
    "lilya.types": "Scope Message Receive Send ASGIApp ApplicationType Lifespan LifespanEvent ExceptionHandler "
    "HTTPExceptionHandler WebSocketExceptionHandler Empty Dependencies CallableDecorator",
    "lilya.websockets": "WebSocket WebSocketClose WebSocketDisconnect WebSocketState",
}


@pytest.mark.parametrize("module", MAP)
def test_every_public_name_is_where_it_is_looked_for(module: str) -> None:
    found = import_module(module)
    assert [name for name in MAP[module].split() if not hasattr(found, name)] == []
