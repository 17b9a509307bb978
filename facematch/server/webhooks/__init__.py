"""Events told to another server."""
