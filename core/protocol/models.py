"""Models as one file: what is asked of the store of installed models, and what is answered."""

from __future__ import annotations

from typing import Literal

from core.protocol.base import Record
from core.protocol.model_card import ModelCard

ARCHIVE_ENDING = ".qbmodel"


class InstallModelRequest(Record):
    """Install the model of a ``.qbmodel`` file for this user."""

    kind: Literal["install_model"] = "install_model"
    source: str


class InstallModelResult(Record):
    """The model lies in `folder`. `already`: the same version with the same weights was there before."""

    kind: Literal["install_model"] = "install_model"
    card: ModelCard
    folder: str
    already: bool = False


class ExportModelRequest(Record):
    """Write an installed model into one ``.qbmodel`` file; `version` None: the newest."""

    kind: Literal["export_model"] = "export_model"
    name: str
    version: str | None = None
    output: str
    overwrite: bool = False


class ExportModelResult(Record):
    """The file that was written."""

    kind: Literal["export_model"] = "export_model"
    card: ModelCard
    output: str
    size_bytes: int


class RemoveModelRequest(Record):
    """Remove one of the user's own models; `version` may be left out where there is only one."""

    kind: Literal["remove_model"] = "remove_model"
    name: str
    version: str | None = None


class RemoveModelResult(Record):
    """What was removed."""

    kind: Literal["remove_model"] = "remove_model"
    card: ModelCard
    folder: str
