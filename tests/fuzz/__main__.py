"""The campaign: damages seeds in a child process and keeps what must not happen."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

HANG_S = 60.0


def main() -> int:
    """Fuzz each seed for a while; exit 1 if there were findings."""
    parser = argparse.ArgumentParser(description="Damage small movie files and see what the readers do.")
    parser.add_argument("seeds", nargs="*", help="names of seeds; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each seed")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="folder for findings")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from tests.movie_files import SEEDS

    names = options.seeds or sorted(SEEDS)
    if options.child:
        _child(names[0], options.seconds, options.seed, options.findings)
        return 0
    findings = 0
    for name in names:
        findings += _campaign(name, options.seconds, options.seed or int(time.time()), options.findings)
    return int(findings > 0)


def _campaign(name: str, seconds: float, seed: int, findings: Path) -> int:
    """Run children until the time is up; one that dies or hangs is a finding, and the next one goes on."""
    end = time.monotonic() + seconds
    folder = findings / name
    folder.mkdir(parents=True, exist_ok=True)
    tries = deaths = 0
    signatures: set[str] = set()
    while (left := end - time.monotonic()) > 1:
        state = folder / "state.json"
        state.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.fuzz", "--child", name, "--seconds", str(left)]
        command += ["--seed", str(seed + deaths), "--findings", str(folder)]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        last = time.time()
        while child.poll() is None:
            time.sleep(0.5)
            if state.is_file():
                last = max(last, state.stat().st_mtime)
            if time.time() - last > HANG_S:
                child.kill()
                child.wait()
                break
        if state.is_file():
            told = json.loads(state.read_text())
            tries += told["tries"]
            signatures |= set(told["signatures"])
        if child.returncode:
            deaths += 1
            _keep_current(folder, f"the process ended with {child.returncode}")
    found = len([path for path in folder.glob("finding-*") if path.suffix == ".txt"])
    sys.stdout.write(f"{name:<24} {tries:>8} files, {len(signatures):>4} kinds of outcome, {found} findings\n")
    sys.stdout.flush()
    return found


def _keep_current(folder: Path, problem: str) -> None:
    current = Path((folder / "current.txt").read_text()) if (folder / "current.txt").is_file() else None
    if current is not None and current.is_file():
        _keep(folder, current.name, current.read_bytes(), problem, problem)


def _keep(folder: Path, name: str, data: bytes, signature: str, problem: str) -> None:
    digest = hashlib.sha256(signature.encode()).hexdigest()[:12]
    target = folder / f"finding-{digest}-{name}"
    if not target.exists():
        target.write_bytes(data)
        target.with_name(target.name + ".txt").write_text(f"{problem}\n")
        sys.stdout.write(f"  {folder.name}: {problem} ({target})\n")
        sys.stdout.flush()


def _child(name: str, seconds: float, seed: int, findings: Path) -> None:
    """Damage, read, judge, until the time is up."""
    from tests.fuzz.damage import damage
    from tests.fuzz.trial import judge, sound
    from tests.movie_files import SEEDS

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    rng = random.Random(seed)
    fast = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as work:
        folder = Path(work)
        opened = SEEDS[name](folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())[:32]
        originals = {path: path.read_bytes() for path in files}
        whole = sound(opened)
        pool: list[tuple[Path, bytes, bool]] = [(path, data, True) for path, data in originals.items()]
        signatures: dict[str, int] = {}
        tries, told, end = 0, 0.0, time.monotonic() + seconds
        # The first look brings in libraries; it is not the file that takes the memory.
        judge(opened, None)
        while time.monotonic() < end:
            path, data, pristine = rng.choice(pool[:64] if rng.random() < 0.3 else pool[-64:])
            broken, kind = damage(data, rng)
            path.write_bytes(broken)
            (findings / "current.txt").write_text(str(path))
            cut = kind == "cut" and pristine and path == opened
            outcome = judge(opened, whole if cut else None)
            tries += 1
            if outcome.problem:
                _keep(findings, path.name, broken, outcome.signature + outcome.problem[:12], outcome.problem)
            if outcome.signature not in signatures:
                pool.append((path, broken, False))
            signatures[outcome.signature] = signatures.get(outcome.signature, 0) + 1
            path.write_bytes(originals[path])
            if time.monotonic() - told > 1:
                told = time.monotonic()
                (findings / "state.json").write_text(json.dumps({"tries": tries, "signatures": list(signatures)}))
        (findings / "state.json").write_text(json.dumps({"tries": tries, "signatures": list(signatures)}))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()


if __name__ == "__main__":
    sys.exit(main())
