"""The reason why PySide6 is held below 6.12."""

from __future__ import annotations

import subprocess
import sys

# PySide6 6.12.0 loses a reference to True at every emission on CPython 3.11; when none is left the interpreter aborts.
PROGRAM = """
from PySide6.QtCore import QObject, Signal

class Sender(QObject):
    changed = Signal(bool)

sender = Sender()
seen = []
sender.changed.connect(seen.append)
for _ in range(50_000):
    sender.changed.emit(True)
    seen.clear()
for _ in range(50_000):
    sender.changed.emit(False)
    seen.clear()
print("alive", True, False)
"""


def test_many_emissions_of_a_bool_leave_the_interpreter_alive() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "alive True False\n"
