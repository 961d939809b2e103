"""Crystals from a CIF (Crystallographic Information File), refused with a reason where they cannot be built.

The format: S. R. Hall, F. H. Allen and I. D. Brown, Acta Cryst. A 47 (1991) 655; parsed by gemmi.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import gemmi
import numpy as np

from core.simulation.crystals import Array, Crystal
from core.simulation.errors import CrystalFileError
from core.simulation.materials import Palette
from core.simulation.symmetry import cell_vectors, orbit

Occupancy = Literal["refuse", "random"]

_LARGEST = 64 << 20  # bytes; the largest published inorganic CIFs with all their data are a few MB
_MOST_ATOMS = 20_000
_OVERLAP = 0.6  # angstrom: below any bond (H-H is 0.74)
_FULL = 0.999


@dataclass(frozen=True)
class _Site:
    label: str
    element: str
    place: tuple[float, float, float]
    occupancy: float


def read_cif(path: str | Path, block: str | None = None, occupancy: Occupancy = "refuse", seed: int = 0) -> Crystal:
    """Read a crystal from a CIF.

    Parameters
    ----------
    block
        Name of the data block; without one the first that has atoms.
    occupancy
        What to do with sites that are occupied partly, or by several elements: ``refuse``, or ``random``, which draws
        for each cell of the crystal anew who sits where (by `seed`; the same crystal has always the same atoms).

    Raises
    ------
    CrystalFileError
        The file is missing or no CIF; it has no cell, symmetry or atoms; an element is unknown; a number is missing; a
        site is occupied partly; atoms are disordered, or lie on one another once symmetry is applied.
    """
    where = str(path)
    chosen = _block(_document(Path(path)), block, where)
    cell = _cell(chosen, where)
    operations = _operations(chosen, cell, where)
    sites = _sites(chosen, where)
    partial = [site for site in sites if site.occupancy < _FULL]
    if partial and occupancy == "refuse":
        named = ", ".join(f"{site.label} {site.occupancy:g}" for site in partial[:4])
        raise _refused(
            f"{len(partial)} of {len(sites)} sites are occupied only partly ({named}{', ...' * (len(partial) > 4)}).",
            'Choose occupancy = "random" to draw which of them hold an atom, or give a CIF of an ordered structure.',
            where,
        )
    return _crystal(Path(path).stem, cell, operations, sites, seed, where)


def with_crystals(
    palette: Palette, names: Iterable[str], folder: str | Path = ".", occupancy: Occupancy = "refuse"
) -> Palette:
    """Return a palette that also holds the crystals of the CIFs among `names` (those that end in ``.cif``).

    Each is listed under its name as given, and called by its file's name; paths are relative to `folder`.

    Raises
    ------
    CrystalFileError
        As `read_cif` does.
    """
    read = {name: read_cif(Path(folder) / name, occupancy=occupancy) for name in names if is_cif(name)}
    named = {name: replace(crystal, name=Path(name).name) for name, crystal in read.items()}
    return replace(palette, materials={**palette.materials, **named})


def is_cif(name: str) -> bool:
    """Tell whether a name is that of a CIF, not of a listed material."""
    return name.lower().endswith(".cif")


def _refused(what: str, advice: str, path: str, code: str = "malformed") -> CrystalFileError:
    return CrystalFileError.about(what, advice, path, code)


def _document(path: Path) -> gemmi.cif.Document:
    where = str(path)
    try:
        if path.is_dir():
            raise _refused("This is a folder, not a CIF.", "Choose the CIF itself.", where, "is-a-folder")
        if path.stat().st_size > _LARGEST:
            raise _refused("The file is too large to be a CIF of a crystal.", "Choose another file.", where)
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        raise _refused("There is no such CIF.", "Check the path.", where, "not-found") from None
    except OSError as error:
        raise _refused(
            f"The CIF could not be read: {error.strerror}.", "Check the disk.", where, "unreadable"
        ) from None
    if "\0" in text or "data_" not in text.lower():
        raise _refused("The file is no CIF: it has no data block.", "Choose a CIF of a crystal.", where)
    try:
        return gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise _refused(
            f"The CIF cannot be read: {_first_line(error)}.", "Correct it, or export it anew.", where
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].removeprefix("string:").strip().rstrip(".") if str(error) else "syntax error"


def _block(document: gemmi.cif.Document, name: str | None, where: str) -> gemmi.cif.Block:
    names = [block.name for block in document]
    if name is not None:
        found = document.find_block(name)
        if found is None:
            raise _refused(f"The CIF has no data block {name!r}.", f"Choose one of: {', '.join(names)}.", where)
        return found
    for block in document:
        if block.find_loop("_atom_site_fract_x") or block.find_value("_atom_site_fract_x"):
            return block
    for block in document:
        if block.find_loop("_atom_site.Cartn_x"):
            raise _refused(
                "This is the mmCIF of a macromolecule, not the CIF of a crystal.",
                "Read it with `core.simulation.objects.biological.macromolecule_from_file`.",
                where,
                "unsupported",
            )
    raise _refused(
        "The CIF has no atoms with fractional coordinates (_atom_site_fract_x).",
        "Give a CIF of a solved structure.",
        where,
    )


def _number(text: str | None) -> float | None:
    """Return a CIF number without its uncertainty in brackets; None where there is none."""
    if text is None or gemmi.cif.is_null(text):
        return None
    value = float(gemmi.cif.as_number(text))
    return value if math.isfinite(value) else None


def _cell(block: gemmi.cif.Block, where: str) -> Array:
    tags = [f"_cell_length_{axis}" for axis in "abc"] + [f"_cell_angle_{angle}" for angle in ("alpha", "beta", "gamma")]
    values = [_number(block.find_value(tag)) for tag in tags]
    missing = [tag for tag, value in zip(tags, values, strict=True) if value is None]
    if missing:
        raise _refused(f"The CIF has no cell: {', '.join(missing)} missing.", "Add the cell's constants.", where)
    a, b, c, alpha, beta, gamma = (float(value) for value in values if value is not None)
    cosines = [math.cos(math.radians(angle)) for angle in (alpha, beta, gamma)]
    inside = 1 + 2 * math.prod(cosines) - sum(x * x for x in cosines)
    if not (
        min(a, b, c) > 0.5 and max(a, b, c) < 2000 and all(0 < x < 180 for x in (alpha, beta, gamma)) and inside > 1e-6
    ):
        raise _refused(
            f"No cell has the constants {a:g}, {b:g}, {c:g} Å, {alpha:g}, {beta:g}, {gamma:g} degrees.",
            "Correct the cell's constants in the CIF.",
            where,
        )
    return cell_vectors(a, b, c, alpha, beta, gamma)


_OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop.operation_xyz")
_HALL_TAGS = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
_SYMBOL_TAGS = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M")
_NUMBER_TAGS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")


def _operations(block: gemmi.cif.Block, cell: Array, where: str) -> list[gemmi.Op]:
    for tag in _OPERATION_TAGS:
        triplets = [gemmi.cif.as_string(value) for value in block.find_values(tag)]
        if triplets:
            try:
                return [gemmi.Op(triplet) for triplet in triplets]
            except (RuntimeError, ValueError):
                raise _refused(
                    f"The CIF has a symmetry operation ({tag}) that is none.",
                    "Correct it, or name the space group instead.",
                    where,
                ) from None
    for tag in _HALL_TAGS:
        symbol = _text(block, tag)
        if symbol:
            try:
                return list(gemmi.symops_from_hall(symbol))
            except (RuntimeError, ValueError):
                continue  # the other symbol may be right
    return list(_space_group(block, cell, where).operations())


def _text(block: gemmi.cif.Block, tag: str) -> str:
    value: str | None = block.find_value(tag)
    return "" if value is None or gemmi.cif.is_null(value) else str(gemmi.cif.as_string(value)).strip()


def _space_group(block: gemmi.cif.Block, cell: Array, where: str) -> gemmi.SpaceGroup:
    symbol = next((text for text in (_text(block, tag) for tag in _SYMBOL_TAGS) if text), "")
    number = next((text for text in (_text(block, tag) for tag in _NUMBER_TAGS) if text), "")
    if not symbol and not number:
        raise _refused(
            "The CIF names neither symmetry operations nor a space group.",
            "Add them; if every atom of the cell is listed: _space_group_name_H-M_alt 'P 1'.",
            where,
        )
    found = _by_name(symbol, cell) if symbol else _by_number(number)
    if found is None:
        raise _refused(
            f"The space group {symbol or number!r} is unknown.", "Correct it, or list the symmetry operations.", where
        )
    if found.ext in ("1", "2") and not symbol.endswith((":1", ":2", "Z", "S")):
        raise _refused(
            f"The space group {found.hm} has two choices of origin, and the CIF does not say which it uses.",
            f"List the symmetry operations in the CIF, or write the symbol as '{found.hm} :1' or '{found.hm} :2'.",
            where,
        )
    return found


def _by_name(symbol: str, cell: Array) -> gemmi.SpaceGroup | None:
    alpha, gamma = _angle(cell[1], cell[2]), _angle(cell[0], cell[1])
    return gemmi.find_spacegroup_by_name(symbol, alpha, gamma)  # these tell hexagonal from rhombohedral axes


def _by_number(text: str) -> gemmi.SpaceGroup | None:
    number = _number(text)
    return None if number is None else gemmi.find_spacegroup_by_number(int(number))


def _angle(first: Array, second: Array) -> float:
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    return math.degrees(math.acos(float(np.clip(cosine, -1, 1))))


def _sites(block: gemmi.cif.Block, where: str) -> list[_Site]:
    tags = ["fract_x", "fract_y", "fract_z", "?label", "?type_symbol", "?occupancy", "?disorder_group", "?calc_flag"]
    table = block.find("_atom_site_", tags)
    sites: list[_Site] = []
    groups: dict[str, str] = {}
    for number, row in enumerate(table):
        label = gemmi.cif.as_string(row[3]) if row.has(3) else f"atom {number + 1}"
        if row.has(7) and gemmi.cif.as_string(row[7]).lower() == "dum":
            continue
        place = [_number(row[column]) for column in range(3)]
        if any(value is None for value in place):
            raise _refused(f"The coordinates of {label} are missing.", "Add them, or delete the atom.", where)
        symbol = gemmi.cif.as_string(row[4]) if row.has(4) and not gemmi.cif.is_null(row[4]) else label
        if row.has(6) and not gemmi.cif.is_null(row[6]):
            groups.setdefault(gemmi.cif.as_string(row[6]), label)
        x, y, z = (float(value) for value in place if value is not None)
        sites.append(_Site(label, _element(symbol, label, where), (x, y, z), _occupancy(row, label, where)))
    if not sites:
        raise _refused("The CIF has no atoms.", "Give a CIF of a solved structure.", where)
    if groups:
        named = ", ".join(f"{label} in group {group}" for group, label in groups.items())
        raise _refused(
            f"Atoms of the CIF are disordered: they lie in alternative groups ({named}).",
            "Keep one of the groups, take the others and the column _atom_site_disorder_group out of the CIF.",
            where,
            "unsupported",
        )
    return sites


def _occupancy(row: gemmi.cif.Table.Row, label: str, where: str) -> float:
    share = _number(row[5]) if row.has(5) else None
    if share is None:
        return 1.0
    if not 0 < share <= 1.001:
        raise _refused(f"The occupancy of {label} is {share:g}.", "Give it between 0 and 1.", where)
    return min(share, 1.0)


def _element(symbol: str, label: str, where: str) -> str:
    """Return the chemical symbol that a type or label begins with: ``Ti`` of ``Ti4+`` and of ``Ti1``."""
    letters = ""
    for character in symbol:
        if not character.isalpha():
            break
        letters += character
    # A type symbol is an element and nothing more; a label may go on (OW, CA1): then its first letter counts.
    for length in (2, 1):
        if len(letters) >= length and (length == len(letters) or symbol is label or symbol == label):
            found = gemmi.Element(letters[:length].capitalize())
            if found.atomic_number > 0:
                return "H" if found.name == "D" else str(found.name)
    raise _refused(f"{symbol!r} (of {label}) is no chemical element.", "Correct it in the CIF.", where)


def _crystal(
    name: str, cell: Array, operations: Sequence[gemmi.Op], sites: list[_Site], seed: int, where: str
) -> Crystal:
    places: list[Array] = []
    owner: list[int] = []
    for number, site in enumerate(sites):
        images = orbit(operations, site.place, cell)
        places.extend(images)
        owner.extend([number] * len(images))
        if len(places) > _MOST_ATOMS:
            raise _refused(
                f"The cell holds more than {_MOST_ATOMS:,} atoms.", "Give a smaller cell.", where, "unsupported"
            )
    groups = _groups(np.asarray(places), [sites[who] for who in owner], cell, where)
    rows = tuple((float(x), float(y), float(z)) for x, y, z in cell)
    spots = tuple((float(x), float(y), float(z)) for x, y, z in places)
    elements = tuple(sites[who].element for who in owner)
    if all(sites[who].occupancy >= _FULL for who in owner):
        return Crystal(name, rows, elements, spots)
    chances, filled = [], dict.fromkeys(groups, 0.0)
    for who, group in zip(owner, groups, strict=True):
        low = filled[group]
        filled[group] = low + sites[who].occupancy
        chances.append((group, low, filled[group]))
    return Crystal(name, rows, elements, spots, tuple(chances), seed)


def _groups(places: Array, sites: list[_Site], cell: Array, where: str) -> list[int]:
    """Return for each atom of the cell the place it competes for; refuse two that are there at once."""
    from scipy.spatial import cKDTree

    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    every = ((places[None] + shifts[:, None]).reshape(-1, 3)) @ cell
    group = list(range(len(places)))
    for first, near in enumerate(cKDTree(every).query_ball_point(places @ cell, _OVERLAP)):
        for image in near:
            second = int(image) % len(places)
            if second <= first:
                continue
            together = sites[first].occupancy + sites[second].occupancy
            if together > 1.02:
                gap = float(np.linalg.norm(every[image] - places[first] @ cell))
                raise _refused(
                    f"{sites[first].label} and {sites[second].label} lie {gap:.2f} Å apart once symmetry is applied.",
                    "Correct the coordinates, the space group or the occupancies in the CIF.",
                    where,
                )
            group[second] = group[first]
    return group
