"""Models as files: exported, installed and removed; never one over another, never half of one."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.models import InstalledModel, ModelError, ModelStore
from core.models.archive import LIMITS, write_archive
from core.models.installed import read_model
from core.models.installing import export, install, remove
from tests.unit.models.test_store import make_model


def fits(card: Any, weights: Any) -> None:
    assert weights["a"].shape == (2, 3)


@contextmanager
def refused(store: ModelStore, code: str, words: str = ".") -> Iterator[None]:
    """The refusal has this code and leaves the user's folder as it was."""
    before = tree(store.own[0])
    with pytest.raises(ModelError, match=words) as raised:
        yield
    assert raised.value.info.code == code
    assert raised.value.info.advice
    assert tree(store.own[0]) == before


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_exported_model_installs_elsewhere_with_recipe_and_licence(store: ModelStore, good: Path) -> None:
    made = install(store, good, fits)
    assert not made.already
    model = store.get("made-up")
    assert model.folder == store.own[0] / "made-up-1.0"
    assert not model.built_in
    assert model.load_weights()["a"].dtype == np.float16
    assert sorted(p.name for p in model.folder.iterdir()) == sorted(LIMITS)
    assert [p.name for p in store.own[0].iterdir()] == ["made-up-1.0"]


def test_export_gives_the_same_bytes_every_time(tmp_path: Path, good: Path) -> None:
    model = ModelStore((), (tmp_path / "elsewhere",)).get("made-up")
    os.utime(model.weights_path, (1e9, 1e9))
    export(model, tmp_path / "again.qbmodel")
    assert (tmp_path / "again.qbmodel").read_bytes() == good.read_bytes()
    store = ModelStore((), (tmp_path / "third",))
    export(install(store, good, fits).model, tmp_path / "once more.qbmodel")
    assert (tmp_path / "once more.qbmodel").read_bytes() == good.read_bytes()


def test_same_model_again_changes_nothing_and_says_so(store: ModelStore, good: Path) -> None:
    install(store, good, fits)
    before = tree(store.own[0])
    assert install(store, good, fits).already
    assert tree(store.own[0]) == before


def flip(path: Path, part: bytes) -> None:
    """Change one bit of the first of these bytes in a file."""
    data = bytearray(path.read_bytes())
    data[data.index(part)] ^= 1
    path.write_bytes(data)


def test_damaged_file_of_a_model_that_is_installed_is_called_damaged(store: ModelStore, good: Path) -> None:
    made = install(store, good, fits)
    flip(good, made.model.weights_path.read_bytes()[-8:])
    with refused(store, "bad-model", "damaged"):
        install(store, good, fits)


def test_other_weights_behind_the_card_of_an_installed_model_are_refused(store: ModelStore, good: Path) -> None:
    made = install(store, good, fits)
    members: dict[str, bytes | Path] = {p.name: p.read_bytes() for p in made.model.folder.iterdir()}
    other = bytearray(made.model.weights_path.read_bytes())
    other[-1] ^= 1
    # A zip whose own checksums are right.
    write_archive(good, members | {"weights.safetensors": bytes(other)})
    with refused(store, "bad-model", "not those that its card names"):
        install(store, good, fits)


def test_model_whose_files_were_damaged_is_mended_by_installing_it_again(store: ModelStore, good: Path) -> None:
    made = install(store, good, fits)
    before = tree(store.own[0])
    made.model.weights_path.write_bytes(b"not these")
    again = install(store, good, fits)
    assert not again.already
    assert tree(store.own[0]) == before
    assert [p.name for p in store.own[0].iterdir()] == ["made-up-1.0"]


def archive_of(folder: Path, path: Path, weights: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    export(read_model(make_model(folder, weights, **changes)), path)
    return path


def test_another_version_is_added_beside_the_first(store: ModelStore, good: Path, tmp_path: Path) -> None:
    install(store, good, fits)
    install(store, archive_of(tmp_path / "f", tmp_path / "2.qbmodel", version="1.1"), fits)
    assert {one.card.version for one in store.list()} == {"1.0", "1.1"}


def test_a_version_is_never_replaced_by_other_weights(store: ModelStore, good: Path, tmp_path: Path) -> None:
    install(store, good, fits)
    other = archive_of(tmp_path / "f", tmp_path / "2.qbmodel", {"a": np.zeros((2, 3), np.float16)})
    with refused(store, "model-exists", "installed already, with other weights"):
        install(store, other, fits)


def test_name_that_differs_in_case_alone_is_told_as_the_installed_one_is_called(
    store: ModelStore, good: Path, tmp_path: Path
) -> None:
    install(store, good, fits)
    other = archive_of(tmp_path / "f", tmp_path / "2.qbmodel", {"a": np.zeros((2, 3), np.float16)}, name="MADE-UP")
    with refused(store, "model-exists", r"quietbeam models remove made-up --version 1\.0\."):
        install(store, other, fits)


def test_model_whose_folder_would_be_that_of_another_is_refused_and_no_good_one_called_useless(
    store: ModelStore, tmp_path: Path
) -> None:
    install(store, archive_of(tmp_path / "f", tmp_path / "1.qbmodel", name="a-1", version="2"), fits)
    other = archive_of(tmp_path / "f", tmp_path / "2.qbmodel", name="a", version="1-2")
    with refused(store, "model-exists", "is that of the model a-1 2.*another name"):
        install(store, other, fits)


def test_name_of_a_built_in_model_or_a_filter_is_refused(store: ModelStore, good: Path, tmp_path: Path) -> None:
    with refused(store, "model-exists", "filter"):
        install(store, good, fits, reserved=["Made-Up"])
    make_model(store.built_in[0] / "made-up", version="7")
    with refused(store, "model-exists", "comes with Quietbeam"):
        install(store, good, fits)


@pytest.mark.parametrize("lost", ["card.json", "weights.safetensors"])
def test_model_of_which_a_file_is_lost_is_mended_by_installing_it_again(
    store: ModelStore, good: Path, lost: str
) -> None:
    folder = install(store, good, fits).model.folder
    before = tree(store.own[0])
    (folder / lost).unlink()
    assert not install(store, good, fits).already
    assert tree(store.own[0]) == before
    (folder / "card.json").write_text("{}", encoding="utf-8")
    assert not install(store, good, fits).already
    assert tree(store.own[0]) == before


def test_other_weights_beside_a_damaged_card_are_not_thrown_away(store: ModelStore, good: Path) -> None:
    folder = make_model(store.own[0] / "made-up-1.0", {"a": np.zeros((2, 3), np.float16)})
    (folder / "card.json").write_text("{}", encoding="utf-8")
    with refused(store, "model-exists", "there already"):
        install(store, good, fits)


def test_damaged_folder_of_the_same_name_is_not_overwritten(store: ModelStore, good: Path) -> None:
    (store.own[0] / "made-up-1.0").mkdir(parents=True)
    (store.own[0] / "made-up-1.0" / "mine.txt").write_text("mine", encoding="utf-8")
    with refused(store, "model-exists", "there already"):
        install(store, good, fits)


def test_weights_that_do_not_fit_are_refused_and_leave_nothing(store: ModelStore, good: Path) -> None:
    def unfit(card: Any, weights: Any) -> None:
        from core.models.errors import model_error

        raise model_error("no-model", "The shapes don't fit.", None, "Install the model again.")

    with refused(store, "bad-model", "don't fit"):
        install(store, good, unfit)


def test_stopped_installation_leaves_nothing(store: ModelStore, good: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(store, good, fits, check=stop)
    assert tree(store.own[0]) == {}
    assert list(store.own[0].iterdir()) == []


def test_too_full_a_disk_is_told_before_anything_is_written(
    store: ModelStore, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(good.parent)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    with refused(store, "disk-full", "MB are free"):
        install(store, good, fits)


def test_disk_that_fills_on_the_way_leaves_nothing(
    store: ModelStore, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with refused(store, "disk-full", "nothing was changed"):
        install(store, good, fits)


def test_folder_that_can_not_be_written_to_is_told(store: ModelStore, good: Path) -> None:
    store.own[0].write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(ModelError) as raised:
        install(store, good, fits)
    assert raised.value.info.code == "no-permission"


def test_installation_under_way_is_no_model_and_old_leftovers_go(store: ModelStore, good: Path) -> None:
    left = make_model(store.own[0] / ".installing-x")
    os.utime(left, (1e9, 1e9))
    make_model(store.own[0] / ".installing-y")
    assert store.list() == ()
    assert store.problems() == ()
    install(store, good, fits)
    assert {p.name for p in store.own[0].iterdir()} == {".installing-y", "made-up-1.0"}


def test_removed_model_is_gone_and_others_stay(store: ModelStore, good: Path, tmp_path: Path) -> None:
    install(store, good, fits)
    install(store, archive_of(tmp_path / "f", tmp_path / "2.qbmodel", version="1.1"), fits)
    with refused(store, "bad-request", "Several versions"):
        remove(store, "made-up")
    assert remove(store, "made-up", "1.1").card.version == "1.1"
    assert [p.name for p in store.own[0].iterdir()] == ["made-up-1.0"]
    remove(store, "made-up")
    assert list(store.own[0].iterdir()) == []
    with refused(store, "no-model"):
        remove(store, "made-up")


def test_built_in_model_can_not_be_removed(store: ModelStore) -> None:
    folder = make_model(store.built_in[0] / "made-up")
    with refused(store, "bad-request", "comes with Quietbeam"):
        remove(store, "made-up")
    assert folder.exists()


def test_removing_a_linked_model_removes_the_link_alone(store: ModelStore, tmp_path: Path) -> None:
    shared = make_model(tmp_path / "shared" / "made-up")
    store.own[0].mkdir()
    (store.own[0] / "made-up").symlink_to(shared, target_is_directory=True)
    remove(store, "made-up")
    assert store.list() == ()
    assert (shared / "card.json").exists()


def test_export_replaces_no_file_unless_asked_and_leaves_no_half_of_one(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: InstalledModel = ModelStore((), (tmp_path / "elsewhere",)).get("made-up")
    before = good.read_bytes()
    with pytest.raises(ModelError) as raised:
        export(model, good)
    assert raised.value.info.code == "output-exists"

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(ModelError) as raised:
            export(model, good, overwrite=True)
    assert raised.value.info.code == "disk-full"
    assert good.read_bytes() == before
    assert [p.name for p in tmp_path.glob("*.partial*")] == []
    export(model, good, overwrite=True)
    assert good.read_bytes() == before


def test_model_that_nobody_could_install_is_not_written(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m")
    with (folder / "weights.safetensors").open("r+b") as file:
        # A hole: it takes no room.
        file.truncate(LIMITS["weights.safetensors"] + 1)
    with pytest.raises(ModelError, match="larger than 1 GiB"):
        export(read_model(folder), tmp_path / "m.qbmodel")
    assert not list(tmp_path.glob("m.qbmodel*"))


def test_damaged_model_is_not_handed_on(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", {"a": np.array([np.nan], np.float32)})
    with pytest.raises(ModelError, match="not finite"):
        export(read_model(folder), tmp_path / "m.qbmodel")
    assert not (tmp_path / "m.qbmodel").exists()
