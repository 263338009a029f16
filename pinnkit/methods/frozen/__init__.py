"""Methods that solve for the head of a frozen space."""
