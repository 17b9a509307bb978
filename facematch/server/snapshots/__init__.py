"""The pictures of matches."""
