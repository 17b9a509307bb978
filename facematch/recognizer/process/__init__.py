"""The recognizer as a process: its end, its memory."""
