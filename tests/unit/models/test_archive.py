"""Hostile and damaged .qbmodel files: refused with a reason, and nothing lands in the user's folder."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from core.models import ModelError, ModelStore
from core.models.archive import LIMITS
from core.models.installing import install
from tests.unit.models.test_store import CARD

WEIGHTS = save({"a": np.ones((2, 3), np.float16)})


def card(weights: bytes = WEIGHTS, **changes: Any) -> bytes:
    return json.dumps({**CARD, "weights_sha256": hashlib.sha256(weights).hexdigest(), **changes}).encode()


def zipped(
    members: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED, comment: bytes = b""
) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name, data)
        archive.comment = comment
    return buffer.getvalue()


def model(weights: bytes = WEIGHTS, **changes: Any) -> bytes:
    return zipped([("card.json", card(weights, **changes)), ("weights.safetensors", weights)])


def with_extra(name: str | zipfile.ZipInfo, data: bytes = b"x") -> bytes:
    return zipped([("card.json", card()), ("weights.safetensors", WEIGHTS), (name, data)])


def info(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = mode << 16
    return made


def bomb() -> bytes:
    zeros = bytes(20 << 20)
    return zipped([("card.json", card(zeros)), ("weights.safetensors", zeros)], zipfile.ZIP_DEFLATED)


def liar(declared: int) -> bytes:
    """Weights that are larger, or smaller, than both headers say."""
    data = bytearray(model())
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(b"weights.safetensors", data.index(signature)) - (30 if at == 22 else 46)
        start = data.rindex(signature, 0, start + 5)
        struct.pack_into("<L", data, start + at, declared)
    return bytes(data)


def many() -> bytes:
    return zipped([(f"f{n}", b"") for n in range(2000)])


def flagged(bit: int) -> bytes:
    data = bytearray(model())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", data, data.index(signature) + at, bit)
    return bytes(data)


def renamed(name: bytes) -> bytes:
    """The weights under another name of the same length."""
    return model().replace(b"weights.safetensors", name.ljust(len(b"weights.safetensors"), b"x"))


def nested_card() -> bytes:
    return zipped([("card.json", b'{"config":' + b"[" * 100_000), ("weights.safetensors", WEIGHTS)])


def of_kind(kind: str, size: int) -> bytes:
    """A safetensors file of one number of a kind that numpy lacks."""
    header = json.dumps({"a": {"dtype": kind, "shape": [1], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def nan_weights(value: float) -> bytes:
    return model(save({"a": np.array([1.0, value], np.float32)}))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty"),
    "one byte": (lambda: b"P", "no .qbmodel"),
    "text": (lambda: b"not a zip at all, " * 100, "no .qbmodel"),
    "cut off": (lambda: model()[:-40], "no .qbmodel|damaged"),
    "path traversal": (lambda: with_extra("../../evil.txt"), "outside its own folder"),
    "path traversal, hidden": (lambda: with_extra("card.json/../../evil"), "outside"),
    "absolute path": (lambda: with_extra("/etc/evil"), "outside"),
    "windows path": (lambda: with_extra("C:\\evil"), "outside"),
    "windows separators": (lambda: with_extra("..\\evil"), "outside"),
    "stream": (lambda: with_extra("card.json:evil"), "outside"),
    "zero byte": (lambda: renamed(b"card.json\0"), "belongs to no model"),
    "case": (lambda: with_extra("CARD.json"), "belongs to no model"),
    "unknown member": (lambda: with_extra("run.py"), "belongs to no model"),
    "folder": (lambda: with_extra("sub/"), "belongs to no model"),
    "link": (lambda: with_extra(info("LICENCE.txt", stat.S_IFLNK | 0o777), b"/etc/passwd"), "no plain file"),
    "device": (lambda: with_extra(info("LICENCE.txt", stat.S_IFCHR | 0o666)), "no plain file"),
    "twice": (lambda: with_extra("weights.safetensors"), "twice"),
    "no card": (lambda: zipped([("weights.safetensors", WEIGHTS)]), r"card\.json is not in it"),
    "no weights": (lambda: zipped([("card.json", card())]), "weights.safetensors is not in it"),
    "bomb": (bomb, "swell"),
    "many members": (many, "holds 2000 files"),
    "large card": (lambda: with_extra("recipe.toml", bytes(LIMITS["recipe.toml"] + 1)), "are allowed"),
    "says more than it holds": (lambda: liar(4000), "damaged|cut off"),
    "says less than it holds": (lambda: liar(10), "damaged"),
    "says gigabytes": (lambda: liar(3 << 30), "would take"),
    "encrypted": (lambda: flagged(1), "encrypted"),
    "other compression": (
        lambda: zipped([("card.json", card()), ("weights.safetensors", WEIGHTS)], zipfile.ZIP_LZMA),
        "doesn't know",
    ),
    "comment": (lambda: zipped([("card.json", card()), ("weights.safetensors", WEIGHTS)], comment=b"hello"), "end"),
    "something before": (lambda: b"#!/bin/sh\n" + model(), "before or behind"),
    "flipped bit": (lambda: model().replace(WEIGHTS, WEIGHTS[:-1] + b"\1"), "damaged"),
    "card is no JSON": (lambda: zipped([("card.json", b"{"), ("weights.safetensors", WEIGHTS)]), "card is damaged"),
    "deep card": (nested_card, "card is damaged"),
    "card lacks": (lambda: model(title=None), "title"),
    "card says more": (lambda: model(evil=1), "evil"),
    "newer": (lambda: model(format=2, anything={"new": 1}), "newer Quietbeam"),
    "name is a path": (lambda: model(name="../up"), "its name must be .* not '../up'"),
    "name ends in a dot": (lambda: model(name="a."), "its name must be"),
    "name of a device": (lambda: model(name="CON"), "its name must be another than 'CON', which Windows keeps"),
    "name of a device with an ending": (lambda: model(name="aux.model"), "Windows keeps for a device"),
    "name that looks like another": (lambda: model(name="l\u0430ttice-general"), r"not 'l\\u0430ttice-general'"),
    "name of wide letters": (lambda: model(name="\uff4cattice-general"), "its name must be"),
    "version is a path": (lambda: model(version="1/2"), "its version must be"),
    "no name": (lambda: model(name=""), "its name must be"),
    "endless name": (lambda: model(name="a" * 300), "its name must be"),
    "control characters": (lambda: model(author="\x1b[2J"), "its author must have no control characters"),
    "text from right to left": (lambda: model(caveats=["safe \u202egnp.exe"]), "no control characters"),
    "control characters of the network": (lambda: model(config={"\x1b[2J": 1}), "no control characters"),
    "numbers that are none": (lambda: model(scores={"a": float("nan")}), "its scores must be finite"),
    "endless title": (lambda: model(title="x" * 5000), "its title must be one line"),
    "title of many lines": (lambda: model(title="a\nb"), "its title must be one line"),
    "no title": (lambda: model(title=""), "its title must be one line"),
    "title of nothing": (lambda: model(title="  "), "its title must be one line"),
    "endless author": (lambda: model(author="x" * 5000), "its author must be one line"),
    "endless date": (lambda: model(created="x" * 5000), "its created must be one line"),
    "endless caveat": (lambda: model(caveats=["x" * 100_000]), "its caveats must have at most 5,000"),
    "endless caveats": (lambda: model(caveats=["x"] * 5000), "its caveats must be at most 100"),
    "endless scores": (lambda: model(scores={f"s{n}": 1.0 for n in range(5000)}), "its scores must be at most 1,000"),
    "endless score": (lambda: model(scores={"s" * 5000: 1.0}), "its scores must be one line"),
    "for no images": (lambda: model(modality=[]), "its modality must name one to 20 kinds"),
    "for images without a name": (lambda: model(modality=["HRTEM", " "]), "its modality must be words"),
    "for endless images": (lambda: model(modality=["X"] * 500), "its modality must name one to 20 kinds"),
    "no frames": (lambda: model(frames=0), "frames: .*greater than or equal to 1"),
    "a billion frames": (lambda: model(frames=10**9), "its frames must be 1 to 1000"),
    "doses that fall": (lambda: model(dose_range_e_px=[10, 1]), r"its dose_range_e_px must rise .* not \[10, 1\]"),
    "no dose": (lambda: model(dose_range_e_px=[0, 0]), "its dose_range_e_px must rise"),
    "px below zero": (lambda: model(pixel_size_nm=[-0.02, 0.1]), "its pixel_size_nm must rise from 0"),
    "px of no size": (lambda: model(pixel_size_nm=[0, 0]), "its pixel_size_nm must rise"),
    "endless px": (lambda: model(pixel_size_nm=[0.1, float("inf")]), "its pixel_size_nm must rise"),
    "trained for less than no time": (lambda: model(training={**CARD["training"], "duration_s": -5}), "training must"),
    "steps beyond counting": (lambda: model(training={**CARD["training"], "steps": 10**40}), "training must"),
    "endless data": (lambda: model(training={**CARD["training"], "data": "x" * 9000}), "its training must have"),
    "no hash": (lambda: model(weights_sha256="none"), "its weights_sha256 must be 64"),
    "wrong hash": (lambda: model(weights_sha256="0" * 64), "not those that its card names"),
    "no tensors": (lambda: model(b"no tensors here"), "can't be read"),
    "pickle": (lambda: model(b"\x80\x04cos\nsystem\n"), "can't be read"),
    "numbers of another kind": (lambda: model(of_kind("BF16", 2)), r"of a kind that isn't read here \(BF16\)"),
    "NaN": (lambda: nan_weights(np.nan), "not finite"),
    "infinite": (lambda: nan_weights(-np.inf), "not finite"),
}


def everything_fits(_card: Any, _weights: Any) -> None:
    """The networks are asked elsewhere."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_file_is_refused_with_a_reason_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    make, words = HOSTILE[kind]
    path = tmp_path / "model.qbmodel"
    path.write_bytes(make())
    store = ModelStore((), (tmp_path / "home" / "models",))
    with pytest.raises(ModelError, match=words) as raised:
        install(store, path, everything_fits)
    told = raised.value.info
    assert told.code == ("newer" if kind == "newer" else "bad-model")
    assert told.path == str(path)
    assert told.advice
    assert "\x1b" not in told.sentence()
    left = [p for p in tmp_path.rglob("*") if p.is_file() and p != path]
    assert left == []


def test_missing_file_and_folder_are_told(tmp_path: Path) -> None:
    store = ModelStore((), (tmp_path / "models",))
    for path, code in ((tmp_path / "none.qbmodel", "not-found"), (tmp_path, "is-a-folder")):
        with pytest.raises(ModelError) as raised:
            install(store, path, everything_fits)
        assert raised.value.info.code == code


def test_deflated_model_of_another_zip_program_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "m.qbmodel"
    path.write_bytes(zipped([("weights.safetensors", WEIGHTS), ("card.json", card())], zipfile.ZIP_DEFLATED))
    store = ModelStore((), (tmp_path / "models",))
    assert install(store, path, everything_fits).model.card.name == "made-up"


GOOD = model()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(GOOD)),
    st.binary(max_size=64),
)
def test_damaged_bytes_are_installed_whole_or_refused(changes: list[tuple[int, int]], cut: int, added: bytes) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.qbmodel"
        store = ModelStore((), (Path(folder) / "models",))
        for variant in (bytes(data), bytes(data[:cut]) + added, bytes(data[:cut]) + added + bytes(data[cut:])):
            path.write_bytes(variant)
            try:
                made = install(store, path, everything_fits)
            except ModelError:
                assert not [p for p in Path(folder).rglob("*") if p.is_file() and p != path]
                continue
            assert (made.model.load_weights()["a"] == 1).all()
            shutil.rmtree(made.model.folder)
