"""How long work reports its progress, and how it is stopped."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Takes the share done, 0 to 1, and what is being done."""

Stop = Callable[[], bool]
"""Says whether nobody waits for the result any more."""


class Cancelled(Exception):  # noqa: N818 - it is the end someone requested, not an error
    """The work stopped because of a request. Nothing is left half-written."""


def report(progress: Progress | None, cancelled: Stop | None, share: float, doing: str) -> None:
    """Report how far the work is, after looking whether it is still wanted.

    Raises:
        Cancelled: If it is not.
    """
    if cancelled is not None and cancelled():
        raise Cancelled
    if progress is not None:
        progress(min(max(share, 0.0), 1.0), doing)


def part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """The progress of a piece of work that takes the whole from share `start` to `end`."""
    if progress is None:
        return None
    whole = progress

    def report_part(share: float, doing: str) -> None:
        whole(start + (end - start) * share, doing)

    return report_part
