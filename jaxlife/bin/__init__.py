"""Command-line mains; the only place a ConfigDict exists."""
