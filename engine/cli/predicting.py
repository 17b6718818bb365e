"""`airlens predict`."""

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.shared_options import (
    DataOption,
    DeviceOption,
    FactorOption,
    HourOption,
    LeadOption,
    RegionOption,
    SeedOption,
    StationsOption,
    TrainEndOption,
    WindOption,
    bar,
    day,
    say,
    warn_of_predictions,
    writable,
)
from engine.cli.station_table import station_table
from engine.core.errors import RequestError
from engine.inference.request import METHODS

if TYPE_CHECKING:
    import xarray as xr

LATEST = "latest"


def predict_command(
    data: DataOption,
    date: Annotated[
        str, typer.Option(help="Local date, such as 2015-01-10 or 2015-01; latest is the last.")
    ],
    out: Annotated[
        Path,
        typer.Option(help="File to write: .nc (everything), .tif (maps) or .csv (a table)."),
    ],
    model: Annotated[
        str,
        typer.Argument(
            help="Name of the model, for example bicubic or idw; auto takes the best that is "
            "shown to be."
        ),
    ] = "auto",
    climatology: Annotated[
        str,
        typer.Option(help="Fine dataset of other dates, by which a coarse --data is made finer."),
    ] = "",
    static: Annotated[
        str,
        typer.Option(help="Height of the land for detail: a static dataset, or world (ships)."),
    ] = "",
    region: RegionOption = "all",
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    hour: HourOption = None,
    factor: FactorOption = 8,
    train_end: TrainEndOption = None,
    resolution: Annotated[
        float | None, typer.Option(help="Degrees between cells of a map made from stations.")
    ] = None,
    lead_times: LeadOption = None,
    members: Annotated[
        int, typer.Option(help="Possible courses that a probable forecast draws.")
    ] = 20,
    stations: StationsOption = "",
    wind: WindOption = "",
    utc_offset: Annotated[
        float | None,
        typer.Option(help="Of a CSV given as --data: hours that its clock is ahead of UTC."),
    ] = None,
) -> None:
    """Compute the map of a date and write it to a file.

    With --climatology a coarse dataset is made finer; with --stations as well, or with stations
    alone, they are merged into it and the map is judged at them. Otherwise block means of a fine
    dataset are restored, which is a study. A CSV of mobile samples may stand for --data: it is
    imported under its own name first.
    """
    writable(out, (".nc", ".tif", ".tiff", ".csv"))
    data = of_samples(data, utc_offset)
    warn_of_predictions(data, climatology, stations)
    climatology = climatology or _taken(data, model)
    if climatology or ((stations or static) and model in METHODS):
        finer(model, data, climatology, stations, date, out, region, hour, static)
        return
    if model == "auto":
        model = _restoring(data)
    with bar("Loading") as progress:
        # torch and xarray take seconds to load, and `airlens --help` shall not wait for them.
        from engine import library
        from engine.inference import export
        from engine.inference.request import Request
        from engine.inference.run import predict

        result = predict(
            Request(
                data,
                library.info(data).end if date == LATEST else day(date, "--date"),
                region,
                model,
                seed,
                device,
                hour,
                factor,
                day(train_end, "--train-end") if train_end else None,
                resolution,
                lead_times,
                members,
                stations,
                wind,
            ),
            progress=progress,
        )
        export.write(result, out)
    if result.attrs["in_training_period"]:
        say(
            f"airlens: {date} lies in the training part, which ends on "
            f"{result.attrs['training_end']}; do not judge {model} by it.",
            err=True,
        )
    if "model_note" in result.attrs:
        say(f"airlens: {result.attrs['model_note']}", err=True)
    say(f"Wrote {out}: {sentence(result)}")


def _taken(data: str, model: str) -> str:
    """The climatology that `auto` takes by itself, which is said; empty where there is none."""
    if model != "auto":
        return ""
    from engine import library
    from engine.inference import offers

    about = library.info(data)
    if about.kind != "grid":
        return ""
    found = offers.taken(about, [library.info(name) for name in library.names()])
    if found:
        say(f"airlens: {found} lies over {data} with finer cells; --climatology {found} is taken.")
    return found


def _restoring(data: str) -> str:
    """The model that `auto` takes where nothing makes the map finer, and why."""
    with bar("Judging the models") as progress:
        from engine import library
        from engine.inference import restore_choice

        taken = restore_choice.find(library.info(data), progress=progress)
    say(f"airlens: {restore_choice.sentence(taken)}", err=True)
    return taken.model


def finer(
    method: str,
    data: str,
    climatology: str,
    stations: str,
    date: str,
    out: Path,
    region: str,
    hour: int | None,
    static: str = "",
) -> None:
    """Downscale or fuse, write the file, and say how good it is at monitors."""
    with bar("Loading") as progress:
        from engine import library
        from engine.inference import export
        from engine.inference.downscaling import downscale
        from engine.inference.request import Request

        when = library.info(data).end if date == LATEST else day(date, "--date")
        month = len(date) == len("2015-01") and date != LATEST
        request = Request(
            data,
            when,
            region,
            method,
            hour=hour,
            stations=stations,
            climatology=climatology,
            static=static,
            month=month,
        )
        result = downscale(request, progress=progress)
        export.write(result, out)
    attrs = result.attrs
    work = "Merged with stations" if attrs["work"] == "fuse" else "Made finer"
    say(f"{work}. {attrs['model_note']}")
    if "reference_states_differ" in attrs:
        states = json.loads(str(attrs["reference_states_differ"]))
        listed = ", ".join(f"{name} at {state}" for name, state in states.items())
        say(
            f"airlens: a cubic metre is not the same in all inputs: {listed}. One factor of "
            "earlier dates takes most of it; the map's level is that of the stations.",
            err=True,
        )
    if "station_scores" in attrs:
        say(station_table(json.loads(str(attrs["station_scores"]))))
    say(f"Wrote {out}: {sentence(result)}")


def of_samples(data: str, utc_offset: float | None) -> str:
    """The name of a dataset: as given, or of the mobile samples in a CSV, imported if they are new.

    Raises:
        EngineError: If the file cannot be imported, or its name is that of other data.
    """
    path = Path(data)
    if path.suffix.lower() != ".csv" or not path.is_file():
        return data
    from engine import library
    from engine.data.options import ReadOptions

    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.") or "samples"
    if name in library.names():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        about = library.info(name)
        if digest in (file.sha256 for file in about.files):
            return name
        raise RequestError(
            "the library holds another dataset called {name!r}",
            where=str(path),
            remedy="Import it under a name of its own: airlens import mobile FILE --name NAME",
            name=name,
        )
    options = ReadOptions(utc_offset_hours=utc_offset)
    about = library.import_files("mobile", [path], name, options=options)
    say(f"Imported {path} as {name}: {about.start} to {about.end}.", err=True)
    return name


def sentence(result: "xr.Dataset") -> str:
    """What a result says, in a line."""
    from engine.verify.metrics import of_errors

    attrs, values = result.attrs, result["pm2p5"]
    parts = [
        f"{'DEMO (synthetic), ' if attrs['synthetic'] else ''}{attrs['model']} on "
        f"{attrs['dataset']}, {attrs['date']}, region {attrs['region']}",
        f"mean {float(values.mean()):.1f}, highest {float(values.max()):.1f} µg/m³",
    ]
    if "error" in result:
        rmse = of_errors("rmse", result["error"].values)
        parts.append(f"RMSE against what is known {rmse:.2f} µg/m³")
    if "leave_one_out" in result:
        rmse = of_errors("rmse", (result["leave_one_out"] - result["observed"]).values)
        parts.append(f"leave-one-out RMSE {rmse:.2f} µg/m³")
    return "; ".join([*parts, f"{attrs['seconds']:.2f} s on {attrs['device']}"]) + "."
