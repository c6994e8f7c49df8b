"""The systems: builders from keyword arguments to an Assembly."""
