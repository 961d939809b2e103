"""The tags of a file as rows that can be searched."""

from __future__ import annotations

import numpy as np

from core.movies.tags import MOST_ROWS, as_text, find, flatten


def test_tree_becomes_dotted_names() -> None:
    tags = {"Image": {"Voltage": 300.0, "List": [{"a": 1}, {"a": 2}]}, "Name": b"Ceta\x00", "Empty": {}}
    rows = {row.name: row.value for row in flatten(tags)}
    assert rows == {
        "Image.Voltage": "300",
        "Image.List.0.a": "1",
        "Image.List.1.a": "2",
        "Name": "Ceta",
        "Empty": "{}",
    }


def test_search_looks_into_names_and_values_in_any_case() -> None:
    tags = {"Microscope": {"Voltage": 300}, "Detector": "HAADF", "Other": 1}
    assert [row.name for row in find(tags, " voltage", 10)[0]] == ["Microscope.Voltage"]
    assert [row.name for row in find(tags, "haadf", 10)[0]] == ["Detector"]
    assert find(tags, "", 2)[1] == 3
    assert len(find(tags, "", 2)[0]) == 2
    assert find(tags, "nothing", 2) == ((), 0)


def test_long_value_is_cut_around_the_word() -> None:
    text = "x" * 5000 + " needle " + "y" * 5000
    ((row,), total) = find({"a": text}, "NEEDLE", 5)
    assert total == 1
    assert "needle" in row.value
    assert len(row.value) < 700


def test_arrays_are_told_by_shape_and_first_values() -> None:
    assert as_text(np.zeros((3, 400), np.uint16)).startswith("3 x 400 uint16: 0, 0")
    assert as_text(np.array([1, 2])) == "[1, 2]"
    assert as_text(tuple(range(1000))).startswith("1000 int64")
    assert as_text(b"\x00\x01\xff" * 9) == "27 bytes"
    assert as_text([2**70] * 100).startswith("[1180591620717411303424")


def test_endless_tags_end() -> None:
    assert len(list(flatten({str(number): number for number in range(MOST_ROWS + 5)}))) == MOST_ROWS


def test_tree_that_contains_itself_ends() -> None:
    tags: dict[str, object] = {"a": 1}
    tags["self"] = tags
    assert find(tags, "a", 5)[1] > 1
