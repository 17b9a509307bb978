"""The recognizer: watches one LiveKit room and reports who is on camera. Knows LiveKit, never the web process."""
