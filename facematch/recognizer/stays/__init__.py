"""Rooms that are given to the process, and come and go: the beat, and the stays that follow from it."""
