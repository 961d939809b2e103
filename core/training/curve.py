"""A training's course as an SVG picture: loss and rate above, validation scores below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 170, 26, 34
# Told apart by people who see few colours (Okabe and Ito).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_NO_SCORES = {"step", "seconds", "loss", "rate", "measure", "event", "say"}
_TICKS = 5

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Panel:
    """A plot: its top edge in the drawing, its axes' ranges, and how they become px."""

    top: float
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        height = _HEIGHT - _TOP - _BOTTOM
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), self.top + _TOP + (1 - up) * height


def curve_svg(lines: Sequence[dict[str, Any]], title: str) -> str:
    """Draw the lines of a log: each a dict with ``step``, ``loss`` and scores, or with ``event``.

    Scores in per cent (blank frames) have no place on an axis of dB and are left out.
    """
    scored = [line for line in lines if "event" not in line]
    events = [(float(line["step"]), str(line["event"])) for line in lines if "event" in line]
    names = [name for name in dict.fromkeys(key for line in scored for key in line) if name not in _NO_SCORES]
    series = {name: _points(scored, name) for name in names if not name.endswith("%")}
    measure = _points(scored, "measure")
    if measure and len(series) > 1:
        series = {"mean": measure} | series
    steps = [float(line["step"]) for line in scored] + [step for step, _ in events]
    x = (0.0, max(steps, default=1.0) or 1.0)
    body = [
        *_plot(0, "loss", {"loss": _points(scored, "loss")}, x, events),
        *_plot(_HEIGHT, "held-out PSNR, dB", series, x, events),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{2 * _HEIGHT}"'
    head += f' viewBox="0 0 {_WIDTH} {2 * _HEIGHT}" font-family="Verdana, Arial, sans-serif" font-size="11">'
    background = f'<rect width="{_WIDTH}" height="{2 * _HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", background, *body, "</svg>"]) + "\n"


def _points(lines: Sequence[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    found = [(float(line["step"]), line[name]) for line in lines if isinstance(line.get(name), int | float)]
    return [(step, float(value)) for step, value in found if math.isfinite(value)]


def _plot(
    top: float,
    label: str,
    series: dict[str, list[tuple[float, float]]],
    x: tuple[float, float],
    events: Sequence[tuple[float, str]],
) -> list[str]:
    values = [value for points in series.values() for _, value in points]
    ticks = _ticks(min(values, default=0.0), max(values, default=1.0))
    panel = _Panel(top, x, (ticks[0], ticks[-1]))
    out = [f'<text x="{_LEFT}" y="{top + 16}" font-weight="bold">{escape(label)}</text>']
    right = _WIDTH - _RIGHT
    for tick in ticks:
        _, y = panel.place(0, tick)
        out.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.6g}</text>')
    for tick in (tick for tick in _ticks(*x) if tick <= x[1]):
        across, _ = panel.place(tick, 0)
        out.append(f'<text x="{across:.1f}" y="{top + _HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick:.6g}</text>')
    for step, event in events:
        across, _ = panel.place(step, 0)
        bottom = top + _HEIGHT - _BOTTOM
        out.append(
            f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{top + _TOP}" y2="{bottom}" stroke="#888888"'
            f' stroke-dasharray="3 3"><title>{escape(event)}</title></line>'
        )
    for number, (name, points) in enumerate(series.items()):
        out += _line(panel, name, points, number)
    return out


def _line(panel: _Panel, name: str, points: Points, number: int) -> list[str]:
    colour = _COLOURS[number % len(_COLOURS)]
    places = [panel.place(*point) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashes = "" if number < len(_COLOURS) else ' stroke-dasharray="6 3"'
    drawn = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>'
    if len(places) == 1:
        drawn = f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="3" fill="{colour}"/>'
    y = panel.top + _TOP + 10 + 15 * number
    last = f" {points[-1][1]:.4g}" if points else ""
    legend = f'<text x="{_WIDTH - _RIGHT + 10}" y="{y}" fill="{colour}">{escape(name)}{last}</text>'
    return [drawn, legend]


def _ticks(low: float, high: float) -> list[float]:
    """Return round values that enclose a range."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / _TICKS
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * one for one in (1, 2, 5, 10) if unit * one >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]
