"""The settings, as they are in production.

A variable of the environment with the name of one, in upper case, takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

from lilya.conf.enums import EnvironmentType
from lilya.conf.global_settings import Settings


@dataclass
class AppSettings(Settings):
    app_name: str = "@@project_name"
    title: str = "@@project_name"
    environment: str = EnvironmentType.PRODUCTION
    # For development. In production SECRET_KEY of the environment takes its place.
    secret_key: str = "@@secret_key"
