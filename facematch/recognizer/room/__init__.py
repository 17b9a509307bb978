"""One room: being in it, and each track's cycle."""
