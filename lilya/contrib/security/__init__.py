"""Tools for security."""
