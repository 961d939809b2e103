"""The options of ``quietbeam convert``, and what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

Output = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT", help="Its end says the format: .tif .ome.tif .mrc .ome.zarr .mp4 .gif .png .svg .csv"
    ),
]
Frames = Annotated[str | None, typer.Option(metavar="A:B", help="Frames A to B - 1, counted from 0.")]
Every = Annotated[int, typer.Option(min=1, help="Take each so-many-th frame.")]
RegionText = Annotated[
    str | None, typer.Option(metavar="Y0:Y1,X0:X1", help="Rows Y0 to Y1 - 1 and columns X0 to X1 - 1, in px.")
]
Pixels = Literal["same", "float32", "uint16"]
Dtype = Annotated[Pixels, typer.Option(help="Of the pixels; uint16 with a stored linear scale.")]
Levels = Annotated[
    str | None, typer.Option(metavar="LOW,HIGH", help="Values shown black and white in films and pictures.")
]
Beside = Annotated[Path | None, typer.Option(help="A second movie shown to the right, such as the result.")]
BesideDataset = Annotated[str | None, typer.Option(help="Which dataset of the second movie.")]
BesideLevels = Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="Its values shown black and white.")]
Labels = Annotated[str | None, typer.Option(metavar="LEFT,RIGHT", help="Titles in films and pictures.")]
Fps = Annotated[float, typer.Option(help="Frames a second of a film.")]
Show = Annotated[
    str, typer.Option(metavar="A,B", help="What is drawn into films and pictures: bar, time, dose, frame; or nothing.")
]
HolderLog = Annotated[Path | None, typer.Option(metavar="CSV", help="Show the log of a sample holder.")]
HolderColumns = Annotated[str | None, typer.Option(metavar="A,B", help="Columns of the log; all by default.")]
HolderOffset = Annotated[float, typer.Option(metavar="S", help="Seconds added to the log's times.")]
Raw = Annotated[
    str | None,
    typer.Option(metavar="HxW:TYPE", help="Layout of a file without header: 512x1024:uint16:offset=0:gap=0:frames=9."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]


@dataclass(frozen=True)
class ConvertOptions:
    """What was typed."""

    file: Path
    output: Path
    dataset: str | None = None
    raw: str | None = None
    frames: str | None = None
    every: int = 1
    region: str | None = None
    dtype: Pixels = "same"
    levels: str | None = None
    beside: Path | None = None
    beside_dataset: str | None = None
    beside_levels: str | None = None
    labels: str | None = None
    fps: float = 15.0
    show: str = "bar,time"
    holder_log: Path | None = None
    holder_columns: str | None = None
    holder_offset: float = 0.0
    settings: list[str] | None = None
    overwrite: bool = False
    json: bool = False
