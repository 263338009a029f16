"""The Gauss-Newton method on all parameters."""
