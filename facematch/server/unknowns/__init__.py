"""Faces of people who were recognised as nobody."""
