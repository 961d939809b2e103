"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.words import bytes_text, duration_text, length_text, rate_text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (251_658_240, "252 MB"), (6.4e9, "6.4 GB"), (5e15, "5000 TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "under 1 s"), (45.4, "45 s"), (184, "3 min"), (7200, "2 h"), (7800, "2 h 10 min"), (400_000, "5 days")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.02, "0.02 nm"), (5, "5 nm"), (2000, "2 µm"), (0.0005, "0.5 pm"), (0, "0 nm")]
)
def test_lengths(value: float, text: str) -> None:
    assert length_text(value, "nm") == text


@given(st.floats(0, 1e6))
def test_speeds_are_short(rate: float) -> None:
    assert rate_text(rate).endswith(" frames/s")
    assert len(rate_text(rate)) <= len("1000000 frames/s")
