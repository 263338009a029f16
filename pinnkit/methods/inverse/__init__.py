"""Inverse problems: parameters and fields from noisy data, with their uncertainty."""
