"""While it is tested."""

from __future__ import annotations

from dataclasses import dataclass

from lilya.conf.enums import EnvironmentType

from @@project_name.configs.settings import AppSettings


@dataclass
class TestingAppSettings(AppSettings):
    debug: bool = True
    environment: str = EnvironmentType.TESTING
