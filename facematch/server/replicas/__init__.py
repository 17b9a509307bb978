"""The web processes on one database, and whether all that has to be set alike is."""
