"""Permissions: layers that forward or refuse."""

from lilya._define import DefinePermission

# The name it also goes by.
Permission = DefinePermission

__all__ = ["DefinePermission", "Permission"]
