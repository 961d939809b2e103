"""Which files of a folder are the numbered images of one movie: from their names alone."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NUMBER = re.compile(r"([0-9]+)")
# A number with more digits is a date or a serial number that nobody counts with; it still orders.
_LONGEST = 18
# Fewer files than this are no movie.
FEWEST = 2


@dataclass(frozen=True)
class Run:
    """Files whose names differ by a number that counts.

    Attributes
    ----------
    pattern : str
        The name with ``*`` in place of what changes, such as ``frame_*.tif``.
    names : tuple of str
        In the order of their numbers.
    numbers : tuple of int
        The number of each, rising.
    """

    pattern: str
    names: tuple[str, ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def step(self) -> int:
        """The usual distance between two numbers."""
        steps = Counter(later - earlier for earlier, later in pairwise(self.numbers))
        return max(steps, key=lambda step: (steps[step], -step), default=1)

    @property
    def counted(self) -> bool:
        """Whether the numbers count on by one step, but for a few that are missing."""
        most = max(Counter(later - earlier for earlier, later in pairwise(self.numbers)).values(), default=0)
        return 2 * most >= len(self) - 1

    def gaps(self) -> dict[int, tuple[int, ...]]:
        """Place of each image before which numbers are missing, to up to ten of these numbers."""
        step, found = self.step, {}
        for place, (earlier, later) in enumerate(pairwise(self.numbers), start=1):
            if later - earlier > step:
                found[place] = tuple(range(earlier + step, later, step)[:10])
        return found

    def missing(self) -> int:
        """How many numbers are missing in between."""
        step = self.step
        return sum(max(0, math.ceil((later - earlier) / step) - 1) for earlier, later in pairwise(self.numbers))


def runs(names: Iterable[str], fewest: int = FEWEST) -> list[Run]:
    """The runs of numbered files, in the order of their patterns.

    Parameters
    ----------
    names : iterable of str
        Names of the files of one folder.
    fewest : int
        Shorter runs are left out.

    Returns
    -------
    list of Run
        A name belongs to at most one. Where several numbers of a name change (``run2_frame0017.tif``), the last one
        that tells all files apart counts; if none does, each value of the others makes a run of its own.
    """
    alike: dict[tuple[str, ...], list[tuple[str, list[str]]]] = defaultdict(list)
    for name in names:
        parts = _NUMBER.split(name)
        if len(parts) > 1:
            alike[tuple(parts[::2])].append((name, parts[1::2]))
    found = [run for texts, members in alike.items() if len(members) >= fewest for run in _split(texts, members)]
    return sorted((run for run in found if len(run) >= fewest), key=lambda run: run.pattern)


def _split(texts: Sequence[str], members: list[tuple[str, list[str]]]) -> Iterator[Run]:
    places = range(len(members[0][1]))
    varied = [place for place in places if len({digits[place] for _, digits in members}) > 1]
    if not varied:
        return
    telling = [place for place in varied if len({_value(digits[place]) for _, digits in members}) == len(members)]
    if telling:
        # Of several that tell all files apart (frame number and time), the one that counts is wanted.
        run = max((_run(texts, members, place, varied) for place in reversed(telling)), key=_evenness)
        yield run
        return
    last = varied[-1]
    groups: dict[tuple[str, ...], list[tuple[str, list[str]]]] = defaultdict(list)
    for name, digits in members:
        groups[tuple(digits[place] for place in varied[:-1])].append((name, digits))
    for group in groups.values():
        values = {_value(digits[last]) for _, digits in group}
        if len(values) == len(group) and len(group) >= FEWEST:
            yield _run(texts, group, last, [last])


def _value(digits: str) -> int:
    return int(digits[-_LONGEST:])


def _run(texts: Sequence[str], members: list[tuple[str, list[str]]], place: int, varied: Sequence[int]) -> Run:
    ordered = sorted(members, key=lambda member: (_value(member[1][place]), member[0]))
    digits = ordered[0][1]
    shown = [("*" if at in varied else digits[at]) for at in range(len(digits))]
    pattern = "".join(text + number for text, number in zip(texts, [*shown, ""], strict=True))
    return Run(pattern, tuple(name for name, _ in ordered), tuple(_value(digits[place]) for _, digits in ordered))


def _evenness(run: Run) -> float:
    steps = Counter(later - earlier for earlier, later in pairwise(run.numbers))
    return max(steps.values(), default=0) / max(1, len(run) - 1)
