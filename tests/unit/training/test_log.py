from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from core.training.curve import curve_svg
from core.training.log import TrainLog

SVG = "{http://www.w3.org/2000/svg}"


def _line(step: int, **scores: float) -> dict[str, Any]:
    return {"step": step, "seconds": 1.0, "loss": 1 / step, "rate": 1e-3, "measure": 30.0 + step / 10, **scores}


def _curves(text: str) -> list[list[tuple[float, float]]]:
    drawn = ET.fromstring(text).iter(f"{SVG}polyline")
    return [[tuple(map(float, pair.split(","))) for pair in one.attrib["points"].split()] for one in drawn]  # type: ignore[misc]


def test_every_validation_is_a_point_of_each_curve_and_higher_is_higher() -> None:
    text = curve_svg([_line(step, low=20.0 + step, high=40.0, **{"blank rms %": 900.0}) for step in (1, 2, 4)], "t")
    loss, mean, low, high = _curves(text)
    assert [x for x, _ in loss] == sorted(x for x, _ in loss)
    assert loss[0][1] < loss[-1][1]
    assert low[0][1] > low[-1][1]
    assert len({y for _, y in high}) == 1
    assert len(mean) == 3
    assert "blank" not in text


def test_events_and_names_from_outside_are_drawn_safely() -> None:
    lines = [
        _line(1, **{"a<b&": 30.0}),
        {"step": 1, "event": "rolled <back>", "say": "x"},
        _line(2, **{"a<b&": math.nan}),
    ]
    root = ET.fromstring(curve_svg(lines, "<&>"))
    assert any("rolled <back>" in (one.text or "") for one in root.iter(f"{SVG}title"))


def test_an_empty_log_is_an_empty_picture() -> None:
    assert _curves(curve_svg([], "nothing")) == [[]]


def test_lines_behind_a_checkpoint_are_dropped_and_events_stay(tmp_path: Path) -> None:
    log = TrainLog(tmp_path)
    log.add(_line(2, low=20.0))
    log.add({"step": 3, "event": "rolled back", "say": "x"})
    log.add(_line(4, low=21.0))
    log.rewind(2)
    assert [line["step"] for line in log.lines()] == [2, 3]
    assert (tmp_path / "log.svg").exists()


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    log = TrainLog(tmp_path)
    log.add(_line(2, low=20.0))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    log.rewind(2)
    log.add(_line(4, low=21.0))
    assert [line["step"] for line in log.lines()] == [2, 4]


def test_processes_that_do_not_write_keep_no_log(tmp_path: Path) -> None:
    log = TrainLog(None)
    log.add(_line(1))
    log.rewind(0)
    assert log.lines() == []
    assert not list(tmp_path.iterdir())
