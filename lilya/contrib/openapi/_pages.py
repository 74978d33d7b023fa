"""The pages that show the document: HTML that loads a viewer and tells it where the document is.

Whatever stands in them is escaped for the place it stands in: text for HTML, values for a script.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

__all__ = ["OAUTH2_REDIRECT", "elements", "rapidoc", "redoc", "swagger"]

# The colours of the system are for our own words alone: viewers bring theirs.
STYLE: Final = """
body { margin: 0 }
:root:has(main.missing) { color-scheme: light dark }
main.missing { margin: 2rem auto; padding: 0 1rem; max-width: 40rem; font: 1rem/1.5 system-ui, sans-serif }
main.missing :is(h1, a, code) { overflow-wrap: anywhere }
"""


def swagger(title: str, document: str, assets: Mapping[str, str], options: Mapping[str, Any]) -> str:
    """Swagger UI; `options` are its own, besides those that say where it is."""
    given = {"url": document, "dom_id": "#page", **options}
    start = (
        f"const given = {_value(given)};"
        "given.oauth2RedirectUrl = given.oauth2RedirectUrl && new URL(given.oauth2RedirectUrl, location).href;"
        "const initOAuth = given.initOAuth; delete given.initOAuth;"
        "const ui = SwaggerUIBundle(given); if (initOAuth) ui.initOAuth(initOAuth);"
    )
    start = f"if (window.SwaggerUIBundle) {{ {start} }}"
    viewer = ['<div id="page"></div>', _script_from(assets["js"]), f"<script>{start}</script>"]
    return _page(title, document, assets, viewer)


def redoc(title: str, document: str, assets: Mapping[str, str]) -> str:
    """Redoc."""
    viewer = f'<redoc spec-url="{escape(document)}"></redoc>'
    return _page(title, document, assets, [viewer, _script_from(assets["js"])])


def elements(title: str, document: str, assets: Mapping[str, str]) -> str:
    """Stoplight Elements."""
    viewer = f'<elements-api apiDescriptionUrl="{escape(document)}" router="hash" layout="sidebar"></elements-api>'
    return _page(title, document, assets, [_script_from(assets["js"]), viewer])


def rapidoc(title: str, document: str, assets: Mapping[str, str]) -> str:
    """RapiDoc."""
    viewer = f'<rapi-doc spec-url="{escape(document)}"></rapi-doc>'
    return _page(title, document, assets, [_script_from(assets["js"], "module"), viewer])


def _page(title: str, document: str, assets: Mapping[str, str], body: Sequence[str]) -> str:
    links = [
        f'<link rel="{rel}" href="{escape(assets[name])}">'
        for name, rel in (("css", "stylesheet"), ("favicon", "icon"))
        if assets.get(name)
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            *links,
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            _missing(title, document, assets["js"]),
            *body,
            "</body>",
            "</html>",
        ]
    )


def _missing(title: str, document: str, viewer: str) -> str:
    """What is read where no script runs; where the viewer cannot be loaded, `_script_from` puts it in its place."""
    return (
        f'<noscript><main class="missing"><h1>{escape(title)}</h1>'
        f"<p>The viewer of this page could not be loaded. It is a script: <code>{escape(viewer)}</code></p>"
        f'<p>What it would show is here: <a href="{escape(document)}">{escape(document)}</a></p></main></noscript>'
    )


def _script_from(url: str, kind: str = "text/javascript") -> str:
    """The viewer. To a page that runs scripts, what is in a `noscript` element is text (HTML, section 4.12.2)."""
    otherwise = "this.outerHTML = document.querySelector('noscript').textContent"
    return f'<script type="{kind}" src="{escape(url)}" onerror="{otherwise}"></script>'


def _value(value: Any) -> str:
    """A value as JavaScript: JSON in which nothing can end the script element around it."""
    text = json.dumps(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# Where an authorization server sends the browser back to (RFC 6749, sections 4.1.2 and 4.2.2). The page that opened
# this window holds, under `swaggerUIRedirectOauth2`, what it has asked for; it is told what came of it.
OAUTH2_REDIRECT: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Authorization</title></head>
<body>
<script>
"use strict";
(function () {
  const asked = window.opener && window.opener.swaggerUIRedirectOauth2;
  if (!asked) { document.body.textContent = "There is no page that waits for this authorization."; return; }
  const fragment = location.hash.slice(1);
  const answer = Object.fromEntries(new URLSearchParams(fragment || location.search));
  const same = answer.state === asked.state;
  const auth = asked.auth;
  const tell = (level, message) => asked.errCb({ authId: auth.name, source: "auth", level, message });
  if (["accessCode", "authorizationCode", "authorization_code"].includes(auth.schema.get("flow")) && !auth.code) {
    if (!same) {
      tell("error", "The state that came back is not the one that was sent: the answer is not trusted.");
    } else if (answer.code) {
      delete asked.state;
      auth.code = answer.code;
      asked.callback({ auth, redirectUrl: asked.redirectUrl });
    } else {
      const parts = [answer.error, answer.error_description, answer.error_uri].filter(Boolean);
      tell("error", parts.join(": ") || "The authorization server has sent no code.");
    }
  } else {
    asked.callback({ auth, token: answer, isValid: same, redirectUrl: asked.redirectUrl });
  }
  window.close();
})();
</script>
</body>
</html>
"""
