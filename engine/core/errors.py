"""What can go wrong in the world, said in one sentence a user can act on.

`ValueError` is for a programmer's mistake. These are for the world's: a file that is cut
short, a date that is not there. Each names what, where and the way out, so that the command
line and the dashboard print them as they are and nobody reads a traceback.
"""


class EngineError(Exception):
    """Something a user can put right.

    Args:
        what: What is wrong, as a clause without a final full stop.
        where: The file, row, variable or place it concerns.
        remedy: What to do about it, as an instruction.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        way_out = f" {self.remedy.rstrip('.')}." if self.remedy else ""
        return f"{place}{self.what.rstrip('.')}.{way_out}"


class DataError(EngineError):
    """A file or table is not what it should be: truncated, wrong unit, missing column."""


class NotFoundError(EngineError):
    """What was asked for is not there: a dataset, a date, a region, a model, weights."""


class RequestError(EngineError):
    """A request that cannot be met as it is put: empty region, unknown option, wrong kind."""


class StorageError(EngineError):
    """The local library cannot be written: disk full, no permission, a name in use."""
