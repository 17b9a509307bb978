"""From an event to the web process: snapshots, the outbox, posting."""
