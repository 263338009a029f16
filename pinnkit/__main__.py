"""``python -m pinnkit``."""

from .cli import main

main()
