"""The database: its engine, its tables, their versions."""
