"""People from a shell: a client of the web process."""
