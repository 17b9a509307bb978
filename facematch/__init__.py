"""Face Match: whether a known person is on camera in a LiveKit room, at a CPU cost that can be predicted."""

__version__ = "0.1.0"
