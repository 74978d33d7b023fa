"""Lilya: a light, fully typed ASGI toolkit, trio-native."""

__version__ = "0.1.0"

__all__ = ["__version__"]
