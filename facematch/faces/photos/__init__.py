"""A photograph that somebody hands in: read, judged, and made a reference or refused with the reason."""
