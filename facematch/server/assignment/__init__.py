"""Which recognizer watches which room."""
