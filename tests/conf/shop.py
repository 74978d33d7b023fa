"""Settings to be named by a dotted path."""

from __future__ import annotations

from lilya.conf.global_settings import Settings


class ShopSettings(Settings):
    shop: str = "corner"


made = ShopSettings(shop="made")
not_settings = 7
