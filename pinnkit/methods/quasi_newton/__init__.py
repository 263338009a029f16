"""Quasi-Newton methods on all parameters."""
