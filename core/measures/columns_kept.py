"""What a result makes of the atomic columns: kept, moved, paler, strained, with how many atoms; before and after.

Before: the mean of the raw frames, moved along with the drift. After: the mean of the same frames of the result. So
what is compared is what the method does to every frame alike; chance moves single frames further. Columns count where
the raw frames show them for certain: found at the same places in the means of every second frame and of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.measures.atoms.compare import AtomReport, compare_atoms
from core.measures.atoms.counting import AtomCounts, count_atoms
from core.measures.atoms.errors import AtomsError
from core.measures.atoms.fit import FittedColumns
from core.measures.atoms.locate import Search, find_columns, locate_columns
from core.measures.atoms.match import Matched, match, quantities
from core.measures.clips import Clip
from core.protocol.score import Measure

Array = npt.NDArray[np.float64]

_SIDE = 256
# Frames that drift further than this apart are not averaged, in px; and how far within the frame columns must lie.
_FARTHEST = 16.0
_RADIUS_NM, _RIM_NM = 0.05, 0.15
# Columns that both halves of the raw frames must show, and how far the two must agree (F1).
_FEWEST, _REPEATED = 10, 0.9
_UNSURE = "The raw frames show no columns for certain: those of every second frame are not those of the others."
# The filter for contrast, in widths of a column.
_CORE, _AROUND = 0.5, 1.5
# Contrast, over what all columns keep of theirs, below which a column is lost though a faint bump is left in its place;
# and how far it must have stood out of chance in the raw mean. Places of lost columns that are named.
_LOST, _STOOD_OUT, _NAMED = 0.25, 4.0, 3
# Certainty with which columns are given their number of atoms, on average.
_COUNTED = 0.9


@dataclass(frozen=True)
class _Pictures:
    """Means of aligned frames (h, w): of every second raw one, of the others, of all; and of the result.

    `origin` is their first row and column in the middle frame.
    """

    halves: tuple[Array, Array]
    raw: Array
    result: Array
    rim: float
    origin: tuple[int, int]


def column_measures(
    clips: Sequence[Clip], pixel_nm: float | None, check: Callable[[], None] | None = None
) -> dict[str, Measure]:
    """Compare the columns of raw and denoised frames; one measure without a number where there are none for certain.

    Parameters
    ----------
    pixel_nm
        Size of a px; None: unknown.
    check
        Called between the steps; may raise to stop.
    """
    clip = max(clips, key=lambda one: one.frames)
    if pixel_nm is None:
        return _none("Needs the size of a px.")
    if clip.frames < 4 or not clip.certain:
        return _none("Needs four neighbouring frames or more whose drift is known for certain.")
    pictures = _pictures(clip, _RIM_NM / pixel_nm)
    try:
        return _compared(pictures, pixel_nm, check or (lambda: None))
    except AtomsError as error:
        return _none(error.info.what)


def _none(why: str) -> dict[str, Measure]:
    return {"columns_kept": Measure(value=None, caveat=why)}


def _pictures(clip: Clip, rim: float) -> _Pictures:
    """Average frames where the picture lies in the middle one, and cut out where most is to be seen."""
    moves = clip.shifts[clip.frames // 2] - clip.shifts
    near = np.flatnonzero(np.abs(moves).max(axis=1) <= _FARTHEST)
    raw, result = (
        [ndimage.shift(frames[k].astype(np.float64), moves[k], order=3, mode="mirror") for k in near]
        for frames in (clip.raw, clip.result)
    )
    whole = np.mean(raw, axis=0)
    part = _richest(whole)
    halves = (np.mean(raw[::2], axis=0)[part], np.mean(raw[1::2], axis=0)[part])
    # What came in over the frame's border was mirrored.
    far = float(np.ceil(np.abs(moves[near]).max()))
    return _Pictures(
        halves, whole[part], np.mean(result, axis=0)[part], max(rim, far) + 1, (part[0].start, part[1].start)
    )


def _richest(image: Array) -> tuple[slice, slice]:
    """Where 256 x 256 px have the most structure."""
    sides = tuple(min(_SIDE, length) for length in image.shape)
    smooth = ndimage.gaussian_filter(image, 1.0)
    power = ndimage.uniform_filter(np.square(smooth - ndimage.uniform_filter(smooth, 32)), sides)
    inner = tuple(slice(side // 2, length - (side - 1) // 2) for side, length in zip(sides, image.shape, strict=True))
    rows, columns = np.unravel_index(int(np.argmax(power[inner])), power[inner].shape)
    return slice(int(rows), int(rows) + sides[0]), slice(int(columns), int(columns) + sides[1])


def _compared(pictures: _Pictures, pixel_nm: float, check: Callable[[], None]) -> dict[str, Measure]:
    radius, rim = _RADIUS_NM / pixel_nm, pictures.rim
    shape = (pictures.raw.shape[0], pictures.raw.shape[1])
    search = Search(pixel_nm=pixel_nm, dark=_dark(pictures.raw, pixel_nm), check=check)
    first, second, seen = (find_columns(image, search) for image in (*pictures.halves, pictures.raw))
    again = match(first.positions, second.positions, radius)
    chance = quantities(first.positions, second.positions, again, pixel_nm)
    if chance is None or len(again.true) < _FEWEST or again.f1 < _REPEATED:
        return _none(_UNSURE)
    before = locate_columns(pictures.raw, search).columns
    sure = np.zeros(len(before), dtype=np.int64)
    for half in (first, second):
        sure[match(before.positions, half.positions, radius).true] += 1
    if np.sum(_inside(before.positions, shape, rim) & (sure == 2)) < _FEWEST:
        return _none(_UNSURE)
    hints = np.concatenate([seen.positions, before.positions])
    before, after = before.chosen(sure == 2), locate_columns(pictures.result, search).columns
    report = compare_atoms(before.positions, after, shape, pixel_nm, _RADIUS_NM, margin_px=rim)
    # Held against all that the raw mean hints at.
    drawn = after.positions[_inside(after.positions, shape, rim)]
    added = match(hints, drawn, radius).invented / max(1, len(drawn))
    there = before.chosen(report.columns.true)
    heights = _heights(pictures, there) if len(report.columns.true) else None
    faint = heights.lost() if heights is not None else np.zeros(0, dtype=np.bool_)
    gone = _inside(before.positions, shape, rim)
    gone[match(before.positions, after.positions, radius).true] = False
    gone[report.columns.true[faint]] = True
    out = _columns(report, chance.spread_pm / 2, added, before.positions[gone] + np.array(pictures.origin))
    if heights is not None:
        out["columns_contrast"] = heights.measure()
    if not search.dark and len(report.columns.true) >= _FEWEST:
        out |= _atoms(before, after, report.columns)
    return out


def _dark(image: Array, pixel_nm: float) -> bool:
    """Whether columns are dark: where peaks stand out more."""
    heights = []
    for dark in (False, True):
        found = np.abs(find_columns(image, Search(pixel_nm=pixel_nm, dark=dark)).heights)
        heights.append(float(np.median(found)) if len(found) else 0.0)
    return heights[1] > heights[0]


def _inside(places: Array, shape: tuple[int, int], rim: float) -> npt.NDArray[np.bool_]:
    return np.asarray(np.all((places >= rim) & (places <= np.array(shape) - 1 - rim), axis=1))


def _columns(report: AtomReport, chance_pm: float, added: float, lost: Array) -> dict[str, Measure]:
    """`lost` are the places (y, x) of columns that are not found in the result, or of which next to nothing is left."""
    total = len(report.columns.true) + report.columns.missed
    kept = (
        f"Share of the {total} columns that the raw frames' mean shows for certain which the mean of the result's "
        f"frames has within 50 pm, with a quarter of the others' contrast or more: 1 is good."
    )
    if len(lost):
        places = ", ".join(f"({y:.0f}, {x:.0f})" for y, x in lost[:_NAMED])
        some = "is lost, near" if len(lost) == 1 else "are lost, such as those near"
        kept += f" {len(lost)} {some} row, column {places} of the middle frame."
    out = {
        "columns_kept": Measure(value=1 - len(lost) / max(1, total), caveat=kept),
        "columns_added": Measure(
            value=added,
            caveat="Share of the columns in the mean of the result's frames of which the raw ones show no sign "
            "within 50 pm: 0 is good, but the faintest may be real.",
        ),
    }
    told = report.quantities
    if told is None:
        return out
    own = (
        "Of single columns, along one axis, in the means; their common shift taken off. Chance moves those of the raw "
        f"mean by about {chance_pm:.2g} pm: less than that is nothing. In single frames they are further off."
    )
    out["columns_moved"] = Measure(value=told.spread_pm, unit="pm", caveat=own)
    shifted = "What all columns were moved by together: 0 is good."
    out["columns_shifted"] = Measure(value=float(np.hypot(*told.bias_pm)), unit="pm", caveat=shifted)
    if report.strain_spread is not None:
        strain = "Root mean square of the difference in local strain, chance in the raw mean included."
        out["columns_strain"] = Measure(value=report.strain_spread, unit="%", caveat=strain)
    return out


@dataclass(frozen=True)
class _Heights:
    """How much brighter (or darker) columns are than around them: a linear filter, the same before and after.

    Fits of noisy and of smooth images share out background and columns in their own ways; this doesn't.
    """

    raw: Array
    result: Array
    halves: tuple[Array, Array]

    def lost(self) -> npt.NDArray[np.bool_]:
        """Which columns the raw frames show for certain, and the result hardly, beside the others."""
        kept = float(np.median(self.result)) / float(np.median(self.raw))
        chance = _robust(self.halves[0] - self.halves[1]) / 2
        raw, result = np.sign(np.median(self.raw)) * self.raw, np.sign(np.median(self.raw)) * self.result
        return np.asarray((raw > _STOOD_OUT * chance) & (result < _LOST * kept * raw))

    def measure(self) -> Measure:
        """The change of contrast."""
        typical = float(np.median(self.raw))
        change = (self.result - self.raw) / typical
        chance = (self.halves[0] - self.halves[1]) / (2 * typical)
        value = 100 * (float(np.median(self.result)) / typical - 1)
        caveat = (
            "Change of the columns' contrast against their surroundings, by one linear filter: below 0 they got paler "
            f"or wider. Single ones scatter by {100 * _robust(change):.2g} % of a typical one about it, by about "
            f"{100 * _robust(chance):.2g} % in the raw mean by chance."
        )
        return Measure(value=value, unit="%", caveat=caveat)


def _heights(pictures: _Pictures, columns: FittedColumns) -> _Heights:
    width = float(np.median(columns.widths))
    places = columns.positions.T

    def heights(image: Array) -> Array:
        peaked = ndimage.gaussian_filter(image, _CORE * width) - ndimage.gaussian_filter(image, _AROUND * width)
        return np.asarray(ndimage.map_coordinates(peaked, places, order=3, mode="nearest"))

    first, second = (heights(image) for image in pictures.halves)
    return _Heights(heights(pictures.raw), heights(pictures.result), (first, second))


def _robust(values: Array) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _atoms(before: FittedColumns, after: FittedColumns, pairs: Matched) -> dict[str, Measure]:
    """Share of the columns that hold as many atoms as before, where the raw mean tells their numbers."""
    counted: list[AtomCounts] = [
        count_atoms(columns.volumes[index]) for columns, index in ((before, pairs.true), (after, pairs.found))
    ]
    if len(counted[0].locations) < 2 or float(counted[0].certainty.mean()) < _COUNTED:
        return {}
    caveat = (
        "Share of columns that hold as many atoms as before, by the steps of their intensities "
        f"({len(counted[0].locations)} numbers before, {len(counted[1].locations)} after). In HAADF of one element; "
        "elsewhere steps are kinds of columns. Numbers count from the thinnest column's own."
    )
    if len(counted[1].locations) < 2:
        none = (
            f"The columns' intensities tell {len(counted[0].locations)} numbers of atoms before, and no steps after: "
            "there is nothing to compare. They may have been evened out, or scatter more than they differ."
        )
        return {"columns_same_atoms": Measure(value=None, caveat=none)}
    same = float(np.mean(counted[0].atoms == counted[1].atoms))
    return {"columns_same_atoms": Measure(value=same, caveat=caveat)}
