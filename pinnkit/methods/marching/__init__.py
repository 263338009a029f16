"""Time marching: an evolution problem in windows of time."""
