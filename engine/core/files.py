"""Files that are there whole or not at all, whatever happens while they are written."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from engine.core.errors import StorageError

READABLE = 0o644  # some libraries let nobody else read what they write


@contextmanager
def atomic_file(
    path: Path,
    problem: str = "it cannot be written",
    remedy: str = "Make room there, or choose another place",
) -> Iterator[Path]:
    """A new name beside `path` to write to, which becomes `path` when the block has ended well.

    Its folder is made. After an error nothing is left behind, and what was at `path` is still
    there. Several processes may write the same file at once: the last one to end is kept. The
    new name ends as `path` does, for libraries that go by a file's ending.

    Args:
        path: Where the file is to be.
        problem: What to report to the user went wrong.
        remedy: What they can do.

    Raises:
        StorageError: If the file cannot be written.
    """
    part = path.with_name(f".{path.stem[:40]}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())  # a power cut must not leave the name without its content
        part.chmod(READABLE)
        part.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(
            "{problem} ({reason})", where=str(path), remedy=remedy, problem=problem, reason=reason
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_atomic(path: Path, text: str) -> None:
    """Write text, whole or not at all.

    Raises:
        StorageError: If it cannot be written.
    """
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")
