"""The log of events: in, out, and to whoever listens."""
