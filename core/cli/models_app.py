"""``quietbeam models ...``: the commands about models and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Device = Literal["auto", "cpu", "cuda", "mps"]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
VersionOption = Annotated[str | None, typer.Option(help="Which version; the newest by default.")]

models_app = typer.Typer(help="The installed models.", no_args_is_help=True)


@models_app.command("list")
def models_list(json: JsonOption = False) -> None:
    """List the installed models, what they are for, and how good they are."""
    from core.cli.models import show_models

    show_models(json)


@models_app.command("install")
def models_install(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .qbmodel file.")], json: JsonOption = False
) -> None:
    """Install a model from a .qbmodel file, for you alone. Everything about it is checked first."""
    from core.cli.models import install_model

    install_model(file, json)


@models_app.command("export")
def models_export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An installed model, or the folder of a trained one.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file; NAME-VERSION.qbmodel here by default.")
    ] = None,
    version: VersionOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a model as one .qbmodel file, to be handed on: card, weights, recipe and licence."""
    from core.cli.models import export_model

    export_model(name, output, version, overwrite, json)


@models_app.command("remove")
def models_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of your own models.")],
    version: Annotated[str | None, typer.Option(help="Which version, where there are several.")] = None,
    json: JsonOption = False,
) -> None:
    """Remove a model that you installed. Those that come with Quietbeam stay."""
    from core.cli.models import remove_model

    remove_model(name, version, json)


@models_app.command("bench")
def models_bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; all installed ones.")] = None,
    filters: Annotated[bool, typer.Option("--filters", help="Score the filters too.")] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SET",
            help="clean, images, movies, atoms, empty or cameras, again for each; all, clean only with images.",
        ),
    ] = None,
    clean: Annotated[
        list[Path] | None,
        typer.Option("--clean", metavar="TIFF", help="A clean image, or a folder of them; again for each."),
    ] = None,
    doses: Annotated[
        list[float] | None, typer.Option("--dose", metavar="S", help="Dose s, again for each; 1, 5 and 25.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(metavar="A:B", help="Items A to B - 1 of each set, of 0 to 39.")] = None,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what was measured there, and go on from it.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few small items, to see that it works.")] = False,
    device: Annotated[Device, typer.Option(help="What to compute on.")] = "cpu",
    json: JsonOption = False,
) -> None:
    """Score models on the standard sets: fidelity, surface atoms, inventions, cameras, cost. Takes hours in full."""
    from core.cli.bench import BenchOptions, run_bench

    run_bench(
        BenchOptions(
            names=tuple(names or ()),
            filters=filters,
            sets=tuple(sets or ()),
            clean=tuple(clean or ()),
            doses=tuple(doses or ()),
            seeds=seeds,
            rows=rows,
            quick=quick,
            device=device,
            json=json,
        )
    )
