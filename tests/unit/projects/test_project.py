"""A project over restarts, crashes, moves, damage and rivals."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.projects import JobState, Project, ProjectError, default_project_path, lock, open_or_begin, schema
from core.projects.records import merge_frames
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DenoiseRequest
from core.protocol.entered import Entered
from core.protocol.movie import MovieMeta


def meta(path: str | Path, **changes: object) -> MovieMeta:
    base = MovieMeta(
        path=str(path),
        format="TIFF",
        frames=5,
        height=4,
        width=3,
        dtype="uint8",
        declared_frames=5,
        fingerprint="abc",
    )
    return base.model_copy(update=changes)


def request(source: str = "a.tif") -> DenoiseRequest:
    return DenoiseRequest(source=source, output="b.tif", model="m")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "test.qbproj"


def test_everything_is_there_again_after_a_restart(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        movie = project.add_movie(meta(tmp_path / "a.tif"))
        job = project.add_job(request(), movie.id)
        project.set_job_total(job.id, 5)
        project.record_frames(job.id, [0, 1, 4])
        project.set_job_state(job.id, JobState.FAILED, error=ErrorInfo(code="disk-full", what="Full."))
        result = project.add_result(movie.id, tmp_path / "b.tif", job.id)
    with Project.open(path) as project:
        assert project.movies() == (movie,)
        assert project.results() == (result,)
        (again,) = project.jobs()
        assert again.request == job.request
        assert again.state is JobState.FAILED
        assert again.error is not None
        assert again.error.code == "disk-full"
        assert again.finished == ((0, 2), (4, 5))
        assert again.finished_frames == 3
        assert again.total == 5
        assert not project.notices


def test_running_job_of_a_killed_program_is_interrupted_and_queued_ones_wait_on(path: Path) -> None:
    project = Project.open(path)
    running, queued = project.add_job(request()), project.add_job(request("c.tif"))
    project.set_job_state(running.id, JobState.RUNNING)
    project.record_frames(running.id, [0])
    project.flush()
    copy = path.with_name("as-after-a-crash.qbproj")
    shutil.copy(path, copy)
    project.close()
    with Project.open(copy) as after:
        assert [j.state for j in after.jobs()] == [JobState.INTERRUPTED, JobState.QUEUED]
        assert after.job(running.id).finished == ((0, 1),)
        assert [j.id for j in after.jobs(JobState.QUEUED)] == [queued.id]


def test_movie_added_twice_is_one_movie_with_the_newer_description(path: Path) -> None:
    with Project.open(path) as project:
        first = project.add_movie(meta("a.tif"))
        second = project.add_movie(meta("a.tif", frames=9))
        other = project.add_movie(meta("a.tif", dataset="2"))
        assert first.id == second.id != other.id
        assert [m.meta.frames for m in project.movies()] == [9, 5]


def test_moved_folder_gives_the_new_place_as_a_second_candidate(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with Project.open(tmp_path / "old" / "p.qbproj") as project:
        project.add_movie(meta(tmp_path / "old" / "data" / "a.tif"))
    (tmp_path / "old").rename(tmp_path / "new")
    with Project.open(tmp_path / "new" / "p.qbproj") as project:
        (movie,) = project.movies()
        assert movie.paths == (
            str(tmp_path / "old" / "data" / "a.tif"),
            str(tmp_path / "new" / "data" / "a.tif"),
        )
        assert project.movies_with_fingerprint("abc") == (movie,)
        moved = project.relocate_movie(movie.id, movie.paths[1])
        assert moved.path == movie.paths[1] == moved.meta.path


def test_relocating_onto_a_known_movie_joins_the_two(path: Path) -> None:
    with Project.open(path) as project:
        old, new = project.add_movie(meta("old.tif")), project.add_movie(meta("new.tif"))
        project.add_result(new.id, "r.tif")
        project.relocate_movie(old.id, "new.tif")
        assert [m.id for m in project.movies()] == [old.id]
        assert [r.movie_id for r in project.results()] == [old.id]


def test_removed_movie_takes_its_results_along_and_leaves_its_jobs(path: Path) -> None:
    with Project.open(path) as project:
        movie = project.add_movie(meta("a.tif"))
        job = project.add_job(request(), movie.id)
        project.add_result(movie.id, "b.tif", job.id)
        project.remove_movie(movie.id)
        assert not project.movies()
        assert not project.results()
        assert project.job(job.id).movie_id is None


def test_result_written_again_replaces_the_one_before(path: Path) -> None:
    with Project.open(path) as project:
        movie = project.add_movie(meta("a.tif"))
        project.add_result(movie.id, "b.tif")
        last = project.add_result(movie.id, "b.tif")
        assert project.results(movie.id) == (last,)
        project.remove_result(last.id)
        assert not project.results()


def test_unknown_numbers_are_typed_errors(path: Path) -> None:
    with Project.open(path) as project:
        for ask in (project.movie, project.job):
            with pytest.raises(ProjectError) as raised:
                ask(99)
            assert raised.value.info.code == "not-found"
        project.record_frames(99, [1])
        project.flush()


def test_row_that_cannot_be_read_hides_no_other(path: Path) -> None:
    with Project.open(path) as project:
        project.add_movie(meta("a.tif"))
        project.add_movie(meta("b.tif"))
        project.add_job(request())
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE movies SET meta = '{}' WHERE id = 1")
        db.execute("UPDATE jobs SET state = 'dreaming'")
    with Project.open(path) as project:
        assert [m.id for m in project.movies()] == [2]
        assert project.jobs() == ()


@pytest.mark.parametrize("damage", ["garbage", "middle", "no-tables"])
def test_damaged_file_is_refused_with_a_typed_error_kept_aside_and_begun_anew(path: Path, damage: str) -> None:
    with Project.open(path) as project:
        for number in range(60):
            project.add_movie(meta(f"{number}.tif"))
    data = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"x" * len(data))
    elif damage == "middle":
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 8192) + data[-4096:])
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("DROP TABLE results")
    broken = path.read_bytes()
    with pytest.raises(ProjectError) as raised:
        Project.open(path)
    assert raised.value.info.code == "damaged"
    with open_or_begin(path) as project:
        assert not project.movies()
        (notice,) = project.notices
        assert notice.code == "damaged"
        project.add_movie(meta("new.tif"))
    (kept,) = path.parent.glob("test.qbproj.damaged-*")
    assert kept.read_bytes() == broken
    with open_or_begin(path) as project:
        assert len(project.movies()) == 1
        assert not project.notices


def test_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (id INTEGER)")
    before = path.read_bytes()
    with open_or_begin(path) as project:
        assert project.read_only
        assert project.notices[0].code == "not-a-project"
        project.add_movie(meta("a.tif"))
    assert path.read_bytes() == before


def test_project_of_a_newer_program_is_not_touched(path: Path) -> None:
    Project.open(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(ProjectError, match="newer"):
        Project.open(path)
    with open_or_begin(path) as project:
        assert project.notices[0].code == "newer"
    assert path.read_bytes() == before


def test_older_project_is_migrated_after_a_backup(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.open(path) as project:
        project.add_movie(meta("a.tif"))
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE movies ADD COLUMN note TEXT;"))
    with Project.open(path) as project:
        assert len(project.movies()) == 1
    with closing(sqlite3.connect(path)) as db:
        assert schema.version_of(db) == len(schema.MIGRATIONS)
        assert db.execute("SELECT note FROM movies").fetchall() == [(None,)]
    (backup,) = path.parent.glob("*.backup-version-*")
    with closing(sqlite3.connect(backup)) as db:
        assert schema.version_of(db) == len(schema.MIGRATIONS) - 1
        assert db.execute("SELECT count(*) FROM movies").fetchone() == (1,)


def test_project_of_the_first_version_keeps_its_movies_and_gets_a_backup(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = schema.MIGRATIONS
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        monkeypatch.setattr(schema, "MIGRATIONS", published[:1])
        schema.migrate(db)
        stored = meta("/data/a.tif").model_dump_json()
        columns = "path, relative_path, dataset, fingerprint, meta, added"
        db.execute(f"INSERT INTO movies ({columns}) VALUES (?, ?, '', 'abc', ?, '2026')", ("/data/a.tif", None, stored))
        db.commit()
    monkeypatch.setattr(schema, "MIGRATIONS", published)
    with Project.open(path) as project:
        (movie,) = project.movies()
        assert (movie.entered.nothing, movie.holder_logs, movie.clean_up) == (True, (), None)
        project.set_entered(movie.id, Entered(voltage_kv=300))
        assert project.movie(movie.id).entered.voltage_kv == 300
    with closing(sqlite3.connect(path.with_name(path.name + ".backup-version-1"))) as db:
        assert schema.version_of(db) == 1
        assert db.execute("SELECT path FROM movies").fetchall() == [("/data/a.tif",)]


def test_what_was_typed_is_there_again_after_a_restart(path: Path, tmp_path: Path) -> None:
    typed = Entered(pixel_size=(0.02, 0.03), pixel_unit="nm", exposure_s=0.01)
    clean_up = CleanUp(gain="/data/gain.dm4", xrays=False)
    with Project.open(path) as project:
        movie = project.add_movie(meta(tmp_path / "a.tif"))
        project.set_entered(movie.id, typed)
        project.set_holder_log(movie.id, tmp_path / "log.csv", -2.5)
        project.set_clean_up(movie.id, clean_up)
        # Looking at the file again must not lose what was typed.
        project.add_movie(meta(tmp_path / "a.tif", frames=6))
    with Project.open(path) as project:
        (movie,) = project.movies()
        assert (movie.meta.frames, movie.entered, movie.clean_up) == (6, typed, clean_up)
        assert (movie.holder_logs[0], movie.holder_offset_s) == (str(tmp_path / "log.csv"), -2.5)
        project.set_entered(movie.id, Entered())
        project.set_holder_log(movie.id, None)
        project.set_clean_up(movie.id, None)
        again = project.movie(movie.id)
        assert (again.entered, again.holder_logs, again.clean_up) == (Entered(), (), None)


def test_holder_log_moves_along_with_its_folder(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        movie = project.add_movie(meta(path.parent / "a.tif"))
        project.set_holder_log(movie.id, path.parent / "logs" / "log.csv")
    moved = tmp_path / "moved"
    shutil.move(path.parent, moved)
    with Project.open(moved / path.name) as project:
        assert str(moved / "logs" / "log.csv") in project.movies()[0].holder_logs


def test_entry_that_another_version_wrote_is_left_out_and_its_movie_kept(path: Path) -> None:
    with Project.open(path) as project:
        movie = project.add_movie(meta("a.tif"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE movies SET entered = ?, clean_up = '[]'", ('{"tomorrow": 1}',))
        db.commit()
    with Project.open(path) as project:
        assert project.movie(movie.id).entered == Entered()
        assert project.movie(movie.id).clean_up is None


def test_failing_migration_leaves_the_older_project_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.open(path).close()
    before = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*before, "CREATE TABLE more (id INTEGER); NONSENSE;"))
    with pytest.raises(ProjectError):
        Project.open(path)
    monkeypatch.setattr(schema, "MIGRATIONS", before)
    with Project.open(path) as project:
        assert not project.read_only


def test_second_window_sees_the_project_and_changes_only_its_own_copy(path: Path) -> None:
    with Project.open(path) as first:
        first.add_movie(meta("a.tif"))
        with Project.open(path) as second:
            assert second.read_only
            assert [n.code for n in second.notices] == ["read-only"]
            assert len(second.movies()) == 1
            second.add_movie(meta("b.tif"))
            assert len(second.movies()) == 2
        assert len(first.movies()) == 1
        assert not first.read_only
    with Project.open(path) as later:
        assert not later.read_only
        assert len(later.movies()) == 1
    assert not path.with_name(path.name + ".lock").exists()


def _write_lock(path: Path, holder: lock.Holder) -> Path:
    path.parent.mkdir(exist_ok=True)
    file = path.with_name(path.name + ".lock")
    file.write_text(json.dumps(holder.__dict__), encoding="utf-8")
    return file


def test_lock_of_a_process_that_ended_is_taken_over(path: Path) -> None:
    _write_lock(path, replace(lock.Holder.me(), started=1.0))
    with Project.open(path) as project:
        assert not project.read_only


def test_lock_of_another_machine_holds_until_its_heartbeat_stops(path: Path) -> None:
    Project.open(path).close()
    file = _write_lock(path, replace(lock.Holder.me(), host="elsewhere"))
    with Project.open(path) as project:
        assert project.read_only
        assert "elsewhere" in project.notices[0].what
    old = file.stat().st_mtime - lock.STALE_S - 5
    os.utime(file, (old, old))
    with Project.open(path) as project:
        assert not project.read_only


def test_lock_file_of_garbage_does_not_lock_for_ever(path: Path) -> None:
    Project.open(path).close()
    file = path.with_name(path.name + ".lock")
    file.write_bytes(b"\xff{")
    old = file.stat().st_mtime - lock.STALE_S - 5
    os.utime(file, (old, old))
    with Project.open(path) as project:
        assert not project.read_only


def test_holder_that_lost_its_lock_goes_on_in_memory_and_says_so(path: Path) -> None:
    project = Project.open(path)
    project.add_movie(meta("a.tif"))
    _write_lock(path, replace(lock.Holder.me(), host="elsewhere"))
    assert project._lock is not None
    project._lock.beat()
    project.add_movie(meta("b.tif"))
    assert project.read_only
    assert [n.code for n in project.notices] == ["read-only"]
    assert len(project.movies()) == 2
    project.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM movies").fetchone() == (1,)


def test_place_where_nothing_can_be_made_gives_a_project_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with open_or_begin(tmp_path / "file" / "p.qbproj") as project:
        assert project.read_only
        assert project.notices
        assert project.notices[0].advice
        project.add_movie(meta("a.tif"))
        assert len(project.movies()) == 1


def test_frames_are_gathered_and_there_when_asked_for(path: Path) -> None:
    with Project.open(path) as project:
        job = project.add_job(request())
        for frame in (3, 1, 2, 2, 7):
            project.record_frames(job.id, [frame])
        assert project.job(job.id).finished == ((1, 4), (7, 8))


@given(st.lists(st.integers(0, 40)), st.lists(st.integers(0, 40)))
def test_ranges_hold_exactly_the_frames_that_were_added(first: list[int], second: list[int]) -> None:
    merged = merge_frames(merge_frames((), first), second)
    assert [f for start, stop in merged for f in range(start, stop)] == sorted({*first, *second})
    assert all(a[1] < b[0] for a, b in itertools.pairwise(merged))


def test_automatic_project_lies_in_the_users_own_folder() -> None:
    assert default_project_path().parent.name == "quietbeam"
    assert default_project_path().suffix == ".qbproj"
