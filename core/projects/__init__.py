"""The project file: which movies, which jobs, which results; one SQLite file that survives restarts."""

from __future__ import annotations

from core.projects.errors import ProjectError
from core.projects.location import default_project_path
from core.projects.project import Project, open_or_begin
from core.projects.records import JobRecord, JobState, MovieRecord, ResultRecord

__all__ = [
    "JobRecord",
    "JobState",
    "MovieRecord",
    "Project",
    "ProjectError",
    "ResultRecord",
    "default_project_path",
    "open_or_begin",
]
