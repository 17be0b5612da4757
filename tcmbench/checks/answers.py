"""The gate's answers in the history of a set (`history.log`), from which the last state that passed is known."""

from __future__ import annotations

import logging
from pathlib import PurePath
from typing import TYPE_CHECKING

from tcmbench.errors import StoreError
from tcmbench.history import green
from tcmbench.history import log as logs
from tcmbench.history.states import state_of
from tcmbench.records.provenance import present_commit

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)


def append(workspace: Workspace, measured: MeasuredSet, report: Report) -> None:
    """Append the answer to the log of a set, where that has the state that was checked.

    A log that can't be written is reported and changes nothing: a read-only checkout can be checked, too.
    """
    name = measured.model_set.name
    path = logs.path_of(workspace, name)
    if not path.is_file():
        return
    entries = [model.entry for model in measured.models]
    commit = present_commit(workspace.root, without=(workspace.leaderboards.name,))
    present = state_of(measured.model_set, measured.suite, entries, commit=commit)
    if all(run.scores_sha256 != present.scores_sha256 for run in logs.read(path).runs):
        return
    line = logs.CheckLine(
        set=name,
        time=present.time,
        commit=commit,
        scores_sha256=present.scores_sha256,
        question=report.against,
        against=_counterpart(report),
        outcome=report.outcome,
        passed=report.exit_code == 0,
    )
    try:
        logs.append(workspace, line)
    except StoreError as error:
        logger.error("the answer is not in the history of set %s: %s", name, error)


def _counterpart(report: Report) -> str:
    if report.is_last_green:
        return green.LAST_GREEN
    if report.against == "reference":
        return report.reference
    if report.against == "source":
        return "source"
    # a file outside of the workspace is named without its folders
    return PurePath(report.baseline).name if PurePath(report.baseline).is_absolute() else report.baseline
