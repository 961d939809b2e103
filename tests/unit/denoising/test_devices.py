"""Which device computes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.denoising import devices
from core.denoising.devices import architecture_fits, list_devices, pick_device, pick_threads
from core.denoising.errors import DenoiseError
from core.protocol.engine import DeviceInfo

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("capability", "built_for", "fits"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((8, 9), ["sm_80", "sm_86"], True),
        ((8, 0), ["sm_86"], False),
        ((12, 0), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((6, 1), ["sm_75", "compute_90"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 0), ["sm_100", "sm_120"], True),
        ((9, 0), [], False),
    ],
)
def test_a_card_needs_code_that_runs_on_it(capability, built_for, fits):
    assert architecture_fits(capability, built_for) is fits


def test_the_cpu_is_always_there_and_last():
    found = list_devices()
    assert found[-1].kind == "cpu"
    assert found[-1].problem is None
    assert found[-1].memory_bytes > 0


CARD = DeviceInfo(kind="cuda", name="Old card", memory_bytes=1, problem="The card Old card can't be used.")


def test_a_card_without_code_is_passed_over_and_told(monkeypatch):
    monkeypatch.setattr(devices, "list_devices", lambda: (CARD, DeviceInfo(kind="cpu", name="C", memory_bytes=1)))
    device, told = pick_device("auto")
    assert device.kind == "cpu"
    assert told == CARD.problem


def test_a_card_without_code_is_refused_in_plain_words_when_asked_for(monkeypatch):
    monkeypatch.setattr(devices, "list_devices", lambda: (CARD,))
    with pytest.raises(DenoiseError, match="Old card can't be used") as caught:
        pick_device("cuda")
    assert "cpu" in caught.value.info.advice


def test_a_loaded_machine_gets_fewer_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(devices.psutil, "cpu_count", lambda logical: 8)
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    for busy, threads in ((0.0, 8), (5.2, 3), (30.0, 1)):
        monkeypatch.setattr(devices.psutil, "getloadavg", lambda busy=busy: (busy, 0, 0))
        assert pick_threads() == threads


def test_a_number_of_threads_that_is_told_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert pick_threads() == 1


def test_memory_is_kept_before_torch_is_loaded():
    """The engine calls it first: loading it must not load torch."""
    program = (
        "import sys\n"
        "from core.denoising.allocator import keep_memory\n"
        "done = keep_memory()\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "sys.stdout.write(str(done))\n"
    )
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    if sys.platform.startswith("linux"):
        assert out.stdout == "True"
