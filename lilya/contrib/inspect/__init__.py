"""What a running process is doing, for the people who run it."""

from lilya.contrib.inspect.page import TaskTree

__all__ = ["TaskTree"]
