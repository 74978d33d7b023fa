"""Permissions: layers that forward or refuse."""

from lilya._define import DefinePermission
from lilya.permissions.base import BasePermission

# The name it also goes by.
Permission = DefinePermission

__all__ = ["BasePermission", "DefinePermission", "Permission"]
