"""Figures as files: each is laid out once, saved as SVG and PNG, and takes no other with it where it fails."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from analysis import style
from analysis.drawing import Drawing

PNG_DPI = 150
PRINT_DPI = 200
"""Pixels an inch of what a vector file holds as pixels."""


@dataclass(frozen=True)
class Drawn:
    """What became of a figure.

    Attributes:
        name: The name of its files.
        caption: Its caption; empty where there is no figure.
        svg: The figure; empty where there is none.
        note: Why there is none; empty where there is nothing to say.
    """

    name: str
    caption: str = ""
    svg: bytes = b""
    note: str = ""


def draw_all(builders: Mapping[str, Callable[[], Drawing | str]], folder: Path) -> tuple[dict[str, Drawn], list[str]]:
    """Draw figures into `NAME.svg` and `NAME.png`, and remove files of figures that there are no more.

    Returns:
        What became of each, and one line for each that could not be drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with mpl.rc_context(style.STYLE), _few_collections():
        drawn = {name: _draw(name, build, folder, problems) for name, build in builders.items()}
    return drawn, problems


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Have the garbage collector leave alone what is there already.

    Figures make and drop objects by the thousand, and each time it would look through all tables and modules again.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _draw(name: str, build: Callable[[], Drawing | str], folder: Path, problems: list[str]) -> Drawn:
    for suffix in ("svg", "png"):
        (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    try:
        drawing = build()
        if isinstance(drawing, str):
            return Drawn(name, note=drawing)
        _lay_out(drawing.figure)
        svg = io.BytesIO()
        drawing.figure.savefig(svg, format="svg", dpi=PRINT_DPI, metadata={"Date": None})
        drawing.figure.savefig(folder / f"{name}.png", dpi=PNG_DPI)
    except Exception as error:  # noqa: BLE001  one figure that a strange study breaks must not take the page with it
        problems.append(f"figure {name} could not be drawn: {type(error).__name__}: {error}")
        return Drawn(name, note=problems[-1])
    (folder / f"{name}.svg").write_bytes(svg.getvalue())
    return Drawn(name, drawing.caption, svg.getvalue())


def _lay_out(figure: Figure) -> None:
    """Lay the panels out once for all files of a figure: it takes as long as drawing them."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        # with any engine, even "none", every file would be drawn twice
        figure.set_layout_engine(None)
    for axes in figure.axes:
        # the solver's last digits differ from run to run, and names within an SVG are made of them
        left, bottom, width, height = (round(item, 9) for item in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))
