"""What the library knows of a dataset: one checked record, manifest.json beside the data."""

from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.core.errors import StorageError
from engine.core.schema import Kind, Period

FILE = "manifest.json"
# Counts up whenever a change of the readers would give some file other values, times or places.
# Records without a number are older than the count.
RULES = 2


class OriginFile(BaseModel):
    """A file that was imported: its name, size in bytes and SHA-256."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str


class DatasetInfo(BaseModel):
    """One dataset of the library.

    Attributes:
        name: What it is called here.
        kind: Grid, stations or mobile.
        period: What a value is a mean over.
        start: First local date.
        end: Last local date.
        bounds: West, south, east, north in degrees: outer edges of cells, or of the points.
        shape: Size along each dimension.
        variables: What was measured, in our vocabulary.
        source: Where it comes from.
        licence: Under which terms.
        synthetic: Whether it is simulated.
        utc_offset_hours: Local date = valid_time + this.
        checksum: SHA-256 of the values and coordinates as we keep them, whatever the packing.
        units: Of PM2.5.
        imported_at: When, UTC.
        train_end: Last local date that a model may learn from.
        notes: What the reader turned, masked or assumed.
        format: The form that the files had.
        files: What was imported.
        regrid_method: How values were interpolated on the way in; empty where none was.
        reference_state: Temperature and pressure that a cubic metre of the values is at:
            "273 K", "298 K", "ambient", or "unknown".
        data: Folder of the values, beside this record.
        stored_files: Number of files in that folder.
        airlens_version: Which wrote it.
        dropped: Rows of the files that gave no value, by reason (`engine.data.dropped`).
        rules: Number of the rules by which the files were read.
        made_by: "prediction" where AirLens or another model computed the values from other data
            of the library, as the file says; empty where they are what was observed or modelled.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    period: Period
    start: date
    end: date
    bounds: tuple[float, float, float, float] | None
    shape: dict[str, int]
    variables: tuple[str, ...]
    source: str
    licence: str
    synthetic: bool
    utc_offset_hours: float
    checksum: str
    units: str
    imported_at: datetime
    train_end: date | None
    notes: tuple[str, ...] = ()
    format: str = ""
    files: tuple[OriginFile, ...] = ()
    regrid_method: str = ""
    reference_state: str = "unknown"
    data: str = Field(default="", pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$|^$")
    stored_files: int = 0
    airlens_version: str = ""
    dropped: dict[str, int] = {}
    rules: int = 0
    made_by: str = ""

    @property
    def cell_degrees(self) -> float | None:
        """Height of a grid's cell, degrees of latitude; None without a grid."""
        rows = self.shape.get("latitude", 0)
        if self.kind != "grid" or self.bounds is None or not rows:
            return None
        return (self.bounds[3] - self.bounds[1]) / rows

    @property
    def outdated(self) -> bool:
        """Whether older rules read the files, so that importing them again may correct it."""
        return self.rules < RULES


def load(path: Path) -> DatasetInfo:
    """The record in a manifest file.

    Raises:
        StorageError: If it cannot be read or is not a record.
    """
    try:
        return DatasetInfo.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as problem:
        raise StorageError(
            "the record of dataset {name!r} is damaged"
            if isinstance(problem, ValidationError)
            else "the record of dataset {name!r} cannot be read",
            where=str(path),
            remedy="Import the dataset again with --replace",
            name=path.parent.name,
        ) from problem
