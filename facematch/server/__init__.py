"""The web process: page, tokens, references, events in, fan-out, snapshots. Knows FastAPI, never LiveKit's client."""
