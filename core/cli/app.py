"""The commands and their options; each loads what it needs only when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from core import __version__
from core.cli import clean_up_options as clean_up
from core.cli import convert_options as typed
from core.cli.models_app import models_app

Device = Literal["auto", "cpu", "cuda", "mps"]

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A movie, in any of the formats of the manual.")]
FileOrFolderArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A movie, or a folder of movies.")]
DatasetOption = Annotated[str | None, typer.Option(help="Which dataset, where the file holds several.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Calibration by hand, again for each: pixel=0.02nm (or Y,X), interval=0.1 (s), exposure=0.1 (s), gain=7,"
        " black=100, voltage=300 (kV), magnification=1e6, detector=NAME, dose_rate=50 (e/A2/s),"
        " start=2026-11-21T14:30:00Z.",
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="What to compute on.")]
FramesOption = Annotated[str | None, typer.Option(metavar="A:B", help="Frames A to B - 1, counted from 0.")]
GainOption = Annotated[float | None, typer.Option(help="Stored units an electron, if you know them.")]
BlackLevelOption = Annotated[float | None, typer.Option(help="Stored value where no electron fell.")]

app = typer.Typer(
    help="Denoise in-situ electron-microscopy movies. Without a command the window opens: quietbeam [FILES].",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quietbeam {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def info(
    file: FileOrFolderArgument,
    dataset: DatasetOption = None,
    tags: Annotated[bool, typer.Option("--tags", help="Print the file's own tags too.")] = False,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Print the tags that hold this text.")] = None,
    holder_log: Annotated[
        Path | None, typer.Option(metavar="CSV", help="A log of the holder, joined to the frames by time.")
    ] = None,
    log_offset: Annotated[float, typer.Option(metavar="S", help="Seconds to add to the log's times.")] = 0.0,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a movie file holds: frames, size, calibration, times, dose, and what is wrong with it.

    Of a folder: which movies lie in it.
    """
    from core.cli.info import InfoOptions, show_info

    show_info(InfoOptions(file, dataset, tags, search, holder_log, log_offset, tuple(settings or ()), json))


@app.command()
def denoise(
    file: FileArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The result; beside FILE by default.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of a model: quietbeam models list.")] = None,
    device: DeviceOption = "auto",
    frames: FramesOption = None,
    region: Annotated[
        str | None, typer.Option(metavar="Y0:Y1,X0:X1", help="Rows Y0 to Y1 - 1 and columns X0 to X1 - 1, in px.")
    ] = None,
    sum_frames: Annotated[int, typer.Option("--sum", min=1, help="Add up this many frames into one first.")] = 1,
    gain: GainOption = None,
    black_level: BlackLevelOption = None,
    dataset: DatasetOption = None,
    dtype: Annotated[
        Literal["float32", "uint16"],
        typer.Option(help="How values are stored; uint16 with a linear scale that Fiji shows, half the size."),
    ] = "float32",
    settings: SetOption = None,
    dark: clean_up.Dark = None,
    gain_reference: clean_up.GainReference = None,
    defects: clean_up.Defects = None,
    pattern: clean_up.Pattern = None,
    no_xrays: clean_up.NoXrays = False,
    no_lines: clean_up.NoLines = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the result if it exists.")] = False,
    no_resume: Annotated[
        bool, typer.Option("--no-resume", help="Begin anew instead of going on with an interrupted run.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Denoise a movie. Ctrl+C keeps the finished frames; the same command goes on.

    The end of the result's name says its format: .tif (ImageJ; BigTIFF above 4 GB), .ome.tif, .mrc or .ome.zarr.
    Frames count from 0.
    """
    from core.cli.denoise import DenoiseOptions, run_denoise

    run_denoise(
        DenoiseOptions(
            file=file,
            output=output,
            model=model,
            device=device,
            frames=frames,
            region=region,
            sum_frames=sum_frames,
            gain=gain,
            black_level=black_level,
            dataset=dataset,
            dtype=dtype,
            settings=tuple(settings or ()),
            clean_up=clean_up.clean_up_of(dark, gain_reference, defects, pattern, no_xrays, no_lines),
            overwrite=overwrite,
            resume=not no_resume,
            json=json,
        )
    )


@app.command()
def rerun(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A result of Quietbeam.")],
    source: Annotated[Path | None, typer.Option(help="Where the movie is now, if it was moved.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Keep the new result here; it is only compared by default.")
    ] = None,
    device: DeviceOption = "auto",
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest difference that passes, in standard deviations of the result.")
    ] = 1e-3,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
    json: JsonOption = False,
) -> None:
    """Make a result again from the record inside it, and compare: exit code 0 if it agrees, 1 if not."""
    from core.cli.rerun import RerunOptions, run_rerun

    run_rerun(RerunOptions(result, source, output, device, tolerance, overwrite, json))


@app.command()
def convert(
    file: FileOrFolderArgument,
    output: typed.Output,
    frames: typed.Frames = None,
    every: typed.Every = 1,
    region: typed.RegionText = None,
    dtype: typed.Dtype = "same",
    levels: typed.Levels = None,
    beside: typed.Beside = None,
    beside_dataset: typed.BesideDataset = None,
    beside_levels: typed.BesideLevels = None,
    labels: typed.Labels = None,
    fps: typed.Fps = 15.0,
    show: typed.Show = "bar,time",
    holder_log: typed.HolderLog = None,
    holder_columns: typed.HolderColumns = None,
    holder_offset: typed.HolderOffset = 0.0,
    settings: SetOption = None,
    dataset: DatasetOption = None,
    raw: typed.Raw = None,
    overwrite: typed.Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Write a movie, or a part of it, into another format: stacks, films, pictures and tables."""
    # The parameters are the fields.
    options = typed.ConvertOptions(**locals())
    from core.cli.convert import run_convert

    run_convert(options)


@app.command()
def score(
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="The movie that the result was made from.")],
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="The denoised movie, made by any program.")],
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The clean movie, of simulated twins (adds PSNR and SSIM).")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An independent noisy look that RESULT was not made from: quietbeam thin."),
    ] = None,
    reference_fraction: Annotated[
        float | None, typer.Option(metavar="P", help="The reference's electrons relative to RAW's.")
    ] = None,
    gain: GainOption = None,
    black_level: BlackLevelOption = None,
    frames: Annotated[
        str | None, typer.Option(metavar="A:B", help="Frames A to B - 1 of RESULT, counted from 0.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="Y0:Y1,X0:X1", help="Rows and columns of RESULT, ends exclusive, in px.")
    ] = None,
    raw_dataset: Annotated[str | None, typer.Option(help="Which dataset of RAW, where it holds several.")] = None,
    result_dataset: Annotated[str | None, typer.Option(help="Which dataset of RESULT.")] = None,
    caveats: Annotated[
        bool, typer.Option("--caveats/--no-caveats", help="Print how each measure is to be read.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Judge a result without its truth: error, noise that was kept, signal that was lost, smearing, intensities.

    Says what is wrong with it (flags); a good result has none.
    """
    # The parameters are the fields.
    given = dict(locals())
    from core.cli.score import ScoreOptions, run_score

    run_score(ScoreOptions(**given))


@app.command()
def nulltest(
    file: FileArgument,
    model: Annotated[str | None, typer.Option(help="Name of a model or a filter: quietbeam models list.")] = None,
    device: DeviceOption = "auto",
    frames: Annotated[
        str | None, typer.Option(metavar="A:B", help="Frames A to B - 1; some from the middle by default.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="Y0:Y1,X0:X1", help="In px; the 256 px with the most structure by default."),
    ] = None,
    atoms: Annotated[
        Literal["auto", "bright", "dark"], typer.Option(help="Whether atoms are brighter or darker than around them.")
    ] = "auto",
    noise_frames: Annotated[int, typer.Option(min=1, help="Frames of each kind of noise to denoise.")] = 16,
    repeats: Annotated[int, typer.Option(min=2, help="How often erased atoms are looked for.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same noise.")] = 0,
    gain: GainOption = None,
    black_level: BlackLevelOption = None,
    dataset: DatasetOption = None,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Test how far a method's atoms can be believed: in pure noise, where one was erased, and where one was put in."""
    # The parameters are the fields.
    given = dict(locals())
    given["settings"] = tuple(settings or ())
    from core.cli.nulltest import NullTestOptions, run_nulltest

    run_nulltest(NullTestOptions(**given))


@app.command()
def detector(
    file: FileArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Write mask, list and pattern here.")
    ] = None,
    frames: FramesOption = None,
    frames_used: Annotated[int, typer.Option(min=3, help="Read so many frames at most, evenly spread.")] = 200,
    dark: clean_up.Dark = None,
    gain_reference: clean_up.GainReference = None,
    dataset: DatasetOption = None,
    settings: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    json: JsonOption = False,
) -> None:
    """Look for dead, hot and unstable pixels, X-ray hits and a camera's fixed pattern; the movie is left as it is."""
    from core.cli.detector import DetectorOptions, run_detector

    run_detector(
        DetectorOptions(
            file=file,
            output=output,
            frames=frames,
            frames_used=frames_used,
            dark=dark,
            gain=gain_reference,
            dataset=dataset,
            settings=tuple(settings or ()),
            overwrite=overwrite,
            json=json,
        )
    )


@app.command()
def thin(
    file: FileArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for the parts; beside FILE.")] = None,
    fraction: Annotated[float, typer.Option(help="Share of the electrons that go into the first part.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same parts.")] = 0,
    frames: FramesOption = None,
    dataset: DatasetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the parts if they exist.")] = False,
    json: JsonOption = False,
) -> None:
    """Split the electrons of a counted movie into two independent movies of the same instants.

    Denoise the first with any program and judge the result by the second. Refused where the numbers are no counts.
    """
    from core.cli.thin import ThinOptions, run_thin

    run_thin(ThinOptions(file, output, fraction, seed, frames, dataset, overwrite, json))


@app.command()
def train(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a recipe that comes along.")
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the output folder.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for the training; named by the recipe by default.")
    ] = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Train a model by a recipe. Ctrl+C keeps what was learned; --resume goes on."""
    from core.cli.train import run_train

    run_train(recipe, output, device, resume, json)


@app.command()
def simulate(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a recipe that comes with the program.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Named by the recipe by default.")
    ] = None,
    only: Annotated[int | None, typer.Option(min=1, metavar="N", help="Make the first N structures only.")] = None,
    contact_sheet: Annotated[
        bool, typer.Option("--contact-sheet", help="Also make pictures of what was made.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Structures made at once; 0: one a processor.")] = 0,
    json: JsonOption = False,
) -> None:
    """Simulate images or movies by a recipe, with their truth. Ctrl+C keeps what is finished; repeat to go on."""
    from core.cli.simulate import SimulateOptions, run_simulate

    run_simulate(SimulateOptions(recipe, output, only, contact_sheet, workers, json))


@app.command()
def benchmark(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write it.")],
    seeds: Annotated[str | None, typer.Option(metavar="A:B", help="Seeds A to B - 1 only, of 0 to 39.")] = None,
    contact_sheet: Annotated[
        bool, typer.Option("--contact-sheet", help="Also make pictures of what was made.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Items made at once; 0: one a processor.")] = 0,
    json: JsonOption = False,
) -> None:
    """Write the benchmark: simulated images and movies with their truth, the same for all, never to be tuned on."""
    from core.cli.simulate import BenchmarkOptions, run_benchmark

    run_benchmark(BenchmarkOptions(folder, seeds, contact_sheet, workers, json))


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the result and the picture.")] = Path(
        "demo"
    ),
    device: DeviceOption = "auto",
    no_window: Annotated[bool, typer.Option("--no-window", help="Do not open the window afterwards.")] = False,
) -> None:
    """Denoise the sample movie with the built-in model, make a before/after picture, and open the window on it."""
    from core.cli.demo import run_demo

    run_demo(output, device, no_window)
