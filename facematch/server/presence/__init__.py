"""Who was where, and when: folded from the log."""
