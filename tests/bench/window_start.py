"""From the start of the process to the first painted window, which is promised within 1.5 s."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.report import arguments, report


def start_once(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds from the start of the process until it says that its window was painted."""
    said = folder / "smoke.json"
    said.unlink(missing_ok=True)
    # Both clocks are the wall clock: the other process has no other one in common with this one on every system.
    start = time.time()
    subprocess.run(command, env=environment | {"QUIETBEAM_SMOKE": str(said)}, check=True, timeout=60)
    return float(json.loads(said.read_text(encoding="utf-8"))["shown"]) - start


def main() -> None:
    """Start the window several times, in a home of its own, and report."""
    parser = arguments(__doc__)
    parser.add_argument("--command", nargs="+", help="such as dist/quietbeam/Quietbeam; default: this checkout")
    parser.add_argument("--visible", action="store_true", help="on the real display; default: offscreen")
    options = parser.parse_args()
    command = options.command or [sys.executable, "-P", "-m", "app"]
    with tempfile.TemporaryDirectory() as name:
        environment = dict(os.environ)
        environment |= {f"XDG_{part}_HOME": name for part in ("CONFIG", "DATA", "STATE", "CACHE")}
        if not options.visible:
            environment["QT_QPA_PLATFORM"] = "offscreen"
        seconds = [start_once(command, Path(name), environment) for _ in range(1 if options.quick else 7)]
    report(
        {
            "starts": len(seconds),
            "first start s": seconds[0],
            "fastest s": min(seconds),
            "median s": statistics.median(seconds),
            "slowest s": max(seconds),
        }
    )


if __name__ == "__main__":
    main()
