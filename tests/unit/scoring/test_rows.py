"""Rows in a file go on after a stop; figures compare like with like."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.protocol.bench import BenchRow
from core.scoring.errors import ScoringError
from core.scoring.rows import KeptRows
from core.scoring.table import figures_of, table_of


def row(key: str, method: str = "a", **changes: object) -> BenchRow:
    given: dict[str, object] = {
        "version": "1",
        "set": "images",
        "key": key,
        "groups": ("HRTEM", "all"),
        "method": method,
        "method_version": "1",
        "weights_sha256": "",
        "values": {"psnr": 20.0, "ssim": 0.5, "gain": 1.0},
        "seconds": 1.0,
        "tuning_s": 0.5,
        "megapixels": 0.25,
    }
    return BenchRow.model_validate(given | changes)


def found(kept: KeptRows, key: str, method: str = "a", weights: str = "") -> BenchRow | None:
    return kept.find("1", "images", key, method, "1", weights)


def test_rows_are_found_again_in_their_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    kept = KeptRows.open(path)
    kept.add(row("one"))
    kept.add(row("two", values={"psnr": float("nan")}))
    again = KeptRows.open(path)
    assert found(again, "one") == row("one")
    assert found(again, "two") is not None
    assert found(again, "three") is None
    assert found(again, "one", weights="other") is None
    assert found(again, "one", method="b") is None


def test_last_row_that_was_cut_off_is_dropped_and_the_next_one_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    kept = KeptRows.open(path)
    kept.add(row("one"))
    path.write_bytes(path.read_bytes() + row("two").model_dump_json().encode()[:40])
    again = KeptRows.open(path)
    assert found(again, "two") is None
    again.add(row("two"))
    assert found(KeptRows.open(path), "two") == row("two")


@pytest.mark.parametrize("data", [b"hello\n", b"hello", b'{"a": 1}\n', b'{"a": 1}', b"\xff\xfe\n", b"MM\x00*"])
def test_file_of_something_else_is_refused_and_not_touched(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(data)
    with pytest.raises(ScoringError, match="no row"):
        KeptRows.open(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_first_row_that_was_cut_off_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(row("one").model_dump_json().encode()[:cut])
    KeptRows.open(path).add(row("one"))
    assert found(KeptRows.open(path), "one") == row("one")


def test_rows_that_can_not_be_written_are_told_before_hours_of_measuring(tmp_path: Path) -> None:
    with pytest.raises(ScoringError) as raised:
        KeptRows.open(tmp_path / "none" / "rows.jsonl")
    assert raised.value.info.code == "no-permission"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_held_no_row_yet_is_not_left_behind_by_looking(tmp_path: Path) -> None:
    KeptRows.open(tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_means_are_over_trials_that_every_method_went_through() -> None:
    rows = [row("one"), row("one", "b"), row("two", values={"psnr": 90.0, "ssim": 0.5, "gain": 1.0})]
    figures = {(one.group, one.measure, one.method): one for one in figures_of(rows)}
    assert figures["HRTEM", "psnr", "a"].value == 20.0
    assert figures["HRTEM", "psnr", "a"].items == 1
    assert figures["all", "cpu_s_per_megapixel", "b"].value == 4.0


def test_false_atoms_a_megapixel_are_the_total_over_the_total() -> None:
    values = {"lattice_peak": 1.0, "lattice_peak_expected": 1.0, "lattice_percent": 0.1, "rms_percent": 0.5}
    rows = [
        row(
            str(n), set="empty", groups=("vacuum", "vacuum s=1"), values={"false_atoms": n, "megapixels": 1.0, **values}
        )
        for n in range(4)
    ]
    figures = figures_of(rows)
    assert next(one.value for one in figures if one.measure == "false_per_megapixel") == 1.5
    table = table_of(figures, ("a",))
    assert "| False atoms a megapixel, vacuum s=1 (4) | 1.5 | < 0.1 |" in table


def test_table_has_a_column_a_method_and_leaves_out_what_was_not_measured() -> None:
    lines = table_of(figures_of([row("one"), row("one", "b")]), ("a", "b")).splitlines()
    assert lines[0] == "| Test | `a` | `b` | wanted |"
    assert {line.count("|") for line in lines} == {5}
    assert not any("Movies" in line for line in lines)


def test_false_atoms_of_films_stand_beside_the_best_linear_estimates() -> None:
    values = {"lattice_peak": 1.2, "lattice_peak_expected": 1.1, "lattice_percent": 3.0, "rms_percent": 4.0}
    values |= {"false_atoms": 6.0, "sure_atoms": 0.0, "unmatched_atoms": 20.0, "best_false_atoms": 50.0}
    values |= {"best_lattice_peak": 1.3, "megapixels": 2.0}
    table = table_of(figures_of([row("1", set="empty", groups=("film", "film s=5"), values=values)]), ["a"])
    assert "film s=5 (1) | 3 (25; 0; 10) | < 0.1 |" in table
    assert "film s=5 (1) | 1.2 (1.3), 3 %, 4 % | 1.1 |" in table
