"""What storing and reading can meet, in words of their own: above the database nobody knows SQLAlchemy's."""


class LogUnavailableError(OSError):
    """The log cannot be read or written now: a full disk, a lock, a database that is away. Passes by itself."""


class UnstorableError(ValueError):
    """This value will never be stored, whatever happens."""


class OutdatedError(UnstorableError):
    """An event of a room that another recognizer had taken over before it happened."""


class MissingPackageError(Exception):
    """What a setting needs is not installed. Says what to do."""
