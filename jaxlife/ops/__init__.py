"""Pure numerics shared by several rooms."""
