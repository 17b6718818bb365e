"""Add data: the three commands, and the same import from the browser.

An upload goes through `engine.library.import_files`, so it meets the same checks and the same plain
errors as the command line. Files wait in a temporary folder under names of ours; what they were
called is kept for the record, never used as a path.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.frame import import_preview, trouble
from app.frame.sidebar import wish
from app.i18n import Words
from app.jobs import cache
from app.style.safe_text import markdown
from engine import library
from engine.core.errors import EngineError
from engine.core.schema import Kind, Period
from engine.data.options import ReadOptions, Reference, Stamps
from engine.library import inspection_facts
from engine.library.inspecting import Inspection, inspect_files

COMMANDS = """\
.venv/bin/airlens import grid FILES --name mine
.venv/bin/airlens predict bicubic --data mine --date 2015-01-10 --region yrd --out fine.nc
.venv/bin/airlens evaluate copy,bicubic --data mine --start 2015-01-01 --end 2015-12-31 \\
    --region yrd --json scores.json"""
Choice = TypeVar("Choice", bound=str)
UNITS = ("", "ug m-3", "mg m-3", "kg m-3", "ng m-3")


@dataclass(frozen=True)
class Form:
    """What the form says."""

    kind: Kind
    name: str
    files: tuple[UploadedFile, ...]
    units: str
    offset: float | None
    coordinates: UploadedFile | None
    source: str
    licence: str
    variable: str = ""
    period: Period | None = None
    stamps: Stamps | None = None
    reference: Reference | None = None
    look: bool = False  # before an import, without one


def button(words: Words) -> None:
    """Opens the dialog; belongs at the foot of the sidebar."""
    st.sidebar.button(
        words("adding.add"), icon=":material/add:", width="stretch", key="add", on_click=_open
    )
    # A rerun, as when a model has finished, would close a dialog that it does not draw again.
    if st.session_state.get("adding_open"):
        st.dialog(words("adding.title"), width="medium", on_dismiss=_close)(_dialog)(words)


def _open() -> None:
    st.session_state["adding_open"] = True


def _close() -> None:
    st.session_state["adding_open"] = False


def done(words: Words) -> None:
    """Says once what was brought in, and what the reader did to it on the way."""
    about: library.DatasetInfo | None = st.session_state.pop("added", None)
    if about is not None:
        lines = [*about.notes, *left_out(about, words)]
        notes = "".join(f"  \n{markdown(line)}" for line in lines)
        # A toast outlives the reruns that follow.
        st.toast(
            words("adding.done", name=markdown(about.name)) + notes,
            icon=":material/check:",
            duration="long",
        )


def left_out(about: library.DatasetInfo, words: Words) -> list[str]:
    """A line about rows of the files that gave no value; none where all did."""
    said = inspection_facts.left_out(about.dropped, import_preview.sentences(words))
    return [words("adding.left_out", reasons=line) for line in said]


def outdated(about: library.DatasetInfo, words: Words) -> None:
    """Says that a dataset was read by older rules, so that its values may be corrected."""
    if about.outdated:
        st.warning(words("adding.outdated", name=markdown(about.name)), icon=":material/history:")


def predicted(about: library.DatasetInfo, words: Words) -> None:
    """Says that a dataset is itself a prediction, wherever it is shown."""
    if about.made_by == "prediction":
        st.warning(
            words("adding.predicted", name=markdown(about.name)), icon=":material/model_training:"
        )


def commands(words: Words) -> None:
    """How to bring in one's own files, in three commands."""
    st.markdown(words("adding.commands"))
    st.code(COMMANDS, language="bash")


def _dialog(words: Words) -> None:
    upload, terminal = st.tabs([words("adding.here"), words("adding.terminal")])
    with terminal:
        commands(words)
        st.markdown(words("adding.kinds"))
    with upload:
        form = _form(words)
        if form is None:
            return
        if form.look:
            look(form, words)
            return
        about = take(form, words)
        if about is None:
            return
        # The page behind the dialog goes to the new dataset.
        wish(dataset=about.name, region="all")
        st.session_state["added"] = about
        _close()
        cache.look_again()
        st.rerun()


def _form(words: Words) -> Form | None:
    """The form's content once it is sent, else None."""
    with st.form("adding", border=False):
        kind = st.segmented_control(
            words("adding.kind"),
            [kind for kind in get_args(Kind) if kind != "static"],
            default="grid",
            required=True,
            format_func=lambda k: words(f"adding.kind_{k}"),
            key="adding_kind",
        )
        files = st.file_uploader(words("adding.files"), accept_multiple_files=True)
        name = st.text_input(words("adding.name"), max_chars=60, help=words("adding.name_help"))
        with st.expander(words("adding.more")):
            units = st.selectbox(
                words("adding.units"),
                UNITS,
                format_func=lambda u: u.replace("ug m-3", "µg/m³") or words("adding.as_in_file"),
            )
            variable = st.text_input(
                words("adding.variable"), max_chars=80, placeholder=words("adding.as_in_file")
            )
            offset = st.number_input(
                words("adding.offset"),
                -12.0,
                14.0,
                None,
                step=0.5,
                format="%.1f",
                placeholder=words("adding.as_in_file"),
            )
            coordinates = st.file_uploader(
                words("adding.coordinates"),
                type=["csv", "json"],
                help=words("adding.coordinates_help"),
                key="adding_coordinates",
            )
            period = _choice(words, "period", get_args(Period))
            stamps = _choice(words, "stamps", get_args(Stamps))
            reference = _choice(words, "reference", get_args(Reference))
            source = st.text_input(words("adding.source"), max_chars=300)
            licence = st.text_input(words("adding.licence"), max_chars=120)
        with st.container(horizontal=True):
            sent = st.form_submit_button(words("adding.import"), type="primary")
            looking = st.form_submit_button(words("adding.look"), icon=":material/visibility:")
    if not sent and not looking:
        return None
    if not files or (sent and not name.strip()):
        st.warning(words("adding.incomplete" if sent else "adding.no_file"))
        return None
    return Form(
        kind or "grid",
        name.strip(),
        tuple(files),
        units or "",
        offset,
        coordinates,
        source.strip(),
        licence.strip(),
        variable.strip(),
        period,
        stamps,
        reference,
        looking,
    )


def _choice(words: Words, of: str, choices: tuple[Choice, ...]) -> Choice | None:
    """One of some choices, None for what the file says."""
    return st.selectbox(
        words(f"adding.{of}"),
        choices,
        index=None,
        format_func=lambda choice: words(f"adding.{of}_{choice.replace(' ', '_').lower()}"),
        placeholder=words("adding.as_in_file"),
        help=words(f"adding.{of}_help"),
        key=f"adding_{of}",
    )


def look(form: Form, words: Words) -> None:
    """What the chosen files hold and what an import would make of them; nothing is kept."""
    try:
        found = _inspect(form, words)
        import_preview.show(found, words)
        if found.refused is not None:
            trouble.sentence(found.refused, words)
    except EngineError as error:
        trouble.sentence(error, words)
    except Exception:  # the dialog stands outside the page's own net
        trouble.fault(words)


def _inspect(form: Form, words: Words) -> Inspection:
    """The files as what the form says they hold; where that is refused, as what they look like."""
    bar = st.progress(0.0, text=words("adding.reading"))

    def progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=words("adding.step", done=done, total=total))

    with tempfile.TemporaryDirectory(prefix="airlens-upload-") as folder:
        try:
            paths = save(form.files, _made(Path(folder) / "files"))
            options = _options(form, Path(folder))
            found = inspect_files(paths, form.kind, options=options, progress=progress)
            if found.refused is None:
                return found
            seen = inspect_files(paths, options=options, progress=progress)
        finally:
            bar.empty()
    if seen.kind == form.kind:
        return found
    st.info(words("preview.other_kind", kind=words(f"adding.kind_{seen.kind}")))
    return seen


def take(form: Form, words: Words) -> library.DatasetInfo | None:
    """What the form brings into the library; None, and a sentence on the page, if it is bad."""
    try:
        return _import(form, words)
    except EngineError as error:
        trouble.sentence(error, words)
    except Exception:  # the dialog stands outside the page's own net
        trouble.fault(words)
    return None


def _import(form: Form, words: Words) -> library.DatasetInfo:
    bar = st.progress(0.0, text=words("adding.reading"))

    def progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=words("adding.step", done=done, total=total))

    with tempfile.TemporaryDirectory(prefix="airlens-upload-") as folder:
        try:
            return library.import_files(
                form.kind,
                save(form.files, _made(Path(folder) / "files")),
                form.name,
                options=_options(form, Path(folder)),
                progress=progress,
            )
        finally:
            bar.empty()


def _options(form: Form, folder: Path) -> ReadOptions:
    """What the form says of the files; what it leaves open, the files say."""
    beside = [] if form.coordinates is None else [form.coordinates]
    places = save(beside, _made(folder / "places"))
    return ReadOptions(
        units=form.units or None,
        variable=form.variable or None,
        utc_offset_hours=form.offset if form.kind != "grid" else None,
        source=form.source or None,
        licence=form.licence or None,
        coordinates=places[0] if places else None,
        period=form.period if form.kind == "grid" else None,
        stamps=form.stamps if form.kind == "stations" else None,
        reference=form.reference,
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def save(files: Sequence[UploadedFile], folder: Path) -> list[Path]:
    """The uploads as files in `folder`, under names that cannot lead out of it."""
    paths: list[Path] = []
    for number, upload in enumerate(files):
        plain = plain_name(upload.name)
        taken = any(path.name == plain for path in paths)
        path = folder / (f"{plain}.{number}" if taken else plain)
        with path.open("wb") as file:
            file.write(upload.getbuffer())
        paths.append(path)
    return paths


def plain_name(name: str) -> str:
    """A file name of letters, digits and `-_.` that is no path and not hidden.

    Otherwise as it was: readers take a date from a daily file's name.
    """
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".") or "file"
