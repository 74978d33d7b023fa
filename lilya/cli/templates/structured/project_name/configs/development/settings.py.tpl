"""While it is written."""

from __future__ import annotations

from dataclasses import dataclass

from lilya.conf.enums import EnvironmentType

from @@project_name.configs.settings import AppSettings


@dataclass
class DevelopmentAppSettings(AppSettings):
    debug: bool = True
    environment: str = EnvironmentType.DEVELOPMENT
