"""The rooms: who may join, and with what."""
