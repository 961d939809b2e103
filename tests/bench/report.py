"""How the benches take their arguments and say what they measured. Not a bench itself."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser with ``--quick``; benches add their own options."""
    parser = argparse.ArgumentParser(description=(doc or "").strip())
    parser.add_argument("--quick", action="store_true", help="a size that takes seconds, to see that the bench works")
    return parser


def seed_range(text: str) -> range:
    """Read ``FIRST:STOP``, for options that choose seeds."""
    first, stop = text.split(":")
    return range(int(first), int(stop))


def say(line: str, end: str = "\n") -> None:
    """Write a line at once: a bench may run for hours."""
    sys.stdout.write(line + end)
    sys.stdout.flush()


def peak_mb() -> float:
    """Return the most memory that this process ever had, MB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def report(figures: dict[str, float | int | str]) -> None:
    """Write the figures, a line each, and then as one line of JSON for programs."""
    where = {"machine": platform.machine(), "cores": os.cpu_count() or 0, "load": round(_load(), 1)}
    for name, value in (where | figures).items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        sys.stdout.write(f"{name:<34} {text}\n")
    sys.stdout.write(json.dumps(where | figures) + "\n")


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
