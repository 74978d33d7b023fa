"""Templating with Jinja."""

from lilya.exceptions import TemplateNotFound
from lilya.templating.jinja import Jinja2Template

# The name it also goes by.
Jinja2Templates = Jinja2Template

__all__ = ["Jinja2Template", "Jinja2Templates", "TemplateNotFound"]
