"""Which device computes, in which precision and with how many threads."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from core.denoising.errors import denoise_error
from core.denoising.memory import free_memory
from core.protocol.denoise import DeviceChoice
from core.protocol.engine import DeviceInfo


@dataclass(frozen=True)
class Device:
    """A device that can be used: ``cuda``, ``mps`` or ``cpu``, its name, and whether bfloat16 is fast on it."""

    kind: str
    name: str
    fast_bfloat16: bool

    @property
    def torch(self) -> torch.device:
        """The device for torch."""
        return torch.device(self.kind)


def list_devices() -> tuple[DeviceInfo, ...]:
    """Return every device of this machine, with what keeps it from being used; the CPU comes last."""
    found: list[DeviceInfo] = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(number)
            problem = _cuda_problem(properties.name, torch.cuda.get_device_capability(number))
            found.append(
                DeviceInfo(kind="cuda", name=properties.name, memory_bytes=properties.total_memory, problem=problem)
            )
    if torch.backends.mps.is_available():
        found.append(DeviceInfo(kind="mps", name=_cpu_name(), memory_bytes=psutil.virtual_memory().total))
    found.append(DeviceInfo(kind="cpu", name=_cpu_name(), memory_bytes=psutil.virtual_memory().total))
    return tuple(found)


def pick_device(choice: DeviceChoice) -> tuple[Device, str | None]:
    """Return the device to use, and what the user should know of one that was passed over.

    Raises
    ------
    DenoiseError
        The device was asked for by name and can't be used.
    """
    devices = list_devices()
    if choice == "auto":
        good = next(device for device in devices if device.problem is None)
        passed = next((device.problem for device in devices if device.problem is not None), None)
        return _usable(good), passed
    named = [device for device in devices if device.kind == choice]
    if not named:
        raise denoise_error(
            "bad-request",
            f"This computer has no device '{choice}' that torch can use.",
            advice="Choose the device 'auto' or 'cpu'.",
        )
    if named[0].problem is not None:
        raise denoise_error("bad-request", named[0].problem, advice="Choose the device 'cpu'.")
    return _usable(named[0]), None


def architecture_fits(capability: tuple[int, int], built_for: Sequence[str]) -> bool:
    """Whether a CUDA build has code for a card.

    ``sm_XY`` runs on cards of the same major number and an equal or higher minor one; ``compute_XY`` is compiled at
    start for any card that is as new or newer.
    """
    for name in built_for:
        kind, _, digits = name.partition("_")
        digits = digits.rstrip("af")
        if not digits.isdigit():
            continue
        built = (int(digits[:-1]), int(digits[-1]))
        if kind == "sm" and built[0] == capability[0] and built[1] <= capability[1]:
            return True
        if kind == "compute" and built <= capability:
            return True
    return False


def pick_threads() -> int:
    """Return how many threads compute: the cores that are free now, at least one.

    Threads wait for each other spinning, so on a loaded machine one is faster than two.
    """
    cores = psutil.cpu_count(logical=False) or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    most = max(1, min(int(cores), allowed))
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return min(int(told), most)
    busy = float(psutil.getloadavg()[0])
    return max(1, min(most, round(most - busy)))


@contextmanager
def torch_threads(count: int | None = None) -> Iterator[None]:
    """Let torch compute in `count` threads for a while (None: as many as now); afterwards it has as many as before."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def free_bytes(device: Device) -> int:
    """Return memory that is free on the device now."""
    if device.kind == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return int(free)
    return free_memory()


def give_back(device: Device) -> None:
    """Hand cached memory back to the device, after it ran out."""
    if device.kind == "cuda":
        torch.cuda.empty_cache()
    elif device.kind == "mps":
        torch.mps.empty_cache()


def _usable(info: DeviceInfo) -> Device:
    if info.kind == "cuda":
        fast = torch.cuda.get_device_capability()[0] >= 8
    elif info.kind == "cpu":
        fast = _cpu_fast_bfloat16()
    else:
        fast = False
    return Device(info.kind, info.name, fast)


def _cuda_problem(name: str, capability: tuple[int, int]) -> str | None:
    if architecture_fits(capability, torch.cuda.get_arch_list()):
        return None
    return (
        f"The graphics card {name} (compute capability {capability[0]}.{capability[1]}) is not one that this build "
        "of Quietbeam has code for, so it can't be used; the CPU can."
    )


def _cpu_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    for question in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        ask = getattr(torch.cpu, question, None)
        if ask is not None and ask():
            return True
    return False


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"
