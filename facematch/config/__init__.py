"""The settings, and the values in them that nobody else is to see."""
