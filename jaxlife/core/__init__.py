"""The protocols and what composes them; knows no network and no I/O."""
