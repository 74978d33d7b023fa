"""Templating with Jinja."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.exceptions import TemplateNotFound
    from lilya.templating.jinja import Jinja2Template

    # The name it also goes by.
    Jinja2Templates = Jinja2Template
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "lilya.exceptions": "TemplateNotFound",
            ".jinja": "Jinja2Template Jinja2Templates=Jinja2Template",
        },
    )

__all__ = ["Jinja2Template", "Jinja2Templates", "TemplateNotFound"]
