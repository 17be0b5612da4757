"""Data of mteb's own tasks: from the local cache at the commit that the task names, else from the Hugging Face hub.

`datasets` alone is no substitute: without a network it takes the newest revision in its cache, whichever was asked for,
and with a hub that doesn't answer it retries every request for half a minute.
"""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench.errors import DataAbsent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mteb.abstasks import AbsTask

    from tcmbench.records.task import Task

logger = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_SECONDS = 10.0
"""Time for the first answer of the hub."""


def load_data(instance: AbsTask, task: Task) -> None:
    """Load the data of a task: its files, or, of a task of mteb, what the hub's cache or the hub has.

    Raises:
        DataError: They can't be read, or are neither in the cache nor to be had.
    """
    if task.spec is None:
        load(instance)
    else:
        instance.load_data()


def load(instance: AbsTask) -> None:
    """Load the data of a task, without a network where the cache has it at the task's commit.

    Raises:
        DataAbsent: The cache doesn't have it, and it can't be downloaded; the message says why.
    """
    from huggingface_hub import constants

    name, dataset = str(instance.metadata.name), instance.metadata.dataset
    path, revision = str(dataset["path"]), str(dataset["revision"])
    is_pinned = _COMMIT.fullmatch(revision) is not None
    cached = newest_cached(path)
    if is_pinned and cached and all(commit.startswith(revision) for commit in cached.values()):
        with contextlib.suppress(OSError, ValueError), _offline(cached):  # a configuration may be missing: download it
            instance.load_data()
            if _has_all_parts(instance):
                return
            instance.data_loaded = False
    if constants.is_offline_mode():
        if is_pinned and cached:
            has = ", ".join(sorted(set(cached.values())))
            raise _absent(name, path, revision, f"HF_HUB_OFFLINE is set, and the cache has it incompletely or at {has}")
        if not cached:
            raise _absent(name, path, revision, "HF_HUB_OFFLINE is set, and it is not in the cache")
    else:
        _require_answer(name, path, revision)
    try:
        instance.load_data()
    except Exception as error:  # three libraries raise their own about the network; any other is passed on
        if not _is_of_network(error):
            raise
        raise _absent(name, path, revision, f"the download failed: {_said(error)}") from error
    if not _has_all_parts(instance):
        raise _absent(name, path, revision, "it lacks the candidates or the instructions of the task")


def _has_all_parts(instance: AbsTask) -> bool:
    """Return whether a reranking task has candidates, and one with instructions has these.

    They are configurations of their own, and mteb measures another task without a word where the cache lacks them.
    """
    kind = str(instance.metadata.type)
    splits = [split for subset in (instance.dataset or {}).values() for split in _splits(subset)]
    if "Reranking" in kind and not all(split.get("top_ranked") for split in splits):
        return False
    is_instructed = kind.startswith("Instruction")
    return not is_instructed or all("instruction" in split["queries"].column_names for split in splits)


def _splits(subset: Any) -> list[Any]:
    """Return the splits of a subset that are in mteb's layout of retrieval data."""
    return [split for split in subset.values() if isinstance(split, dict)] if isinstance(subset, dict) else []


def newest_cached(path: str) -> dict[str, str]:
    """Return the newest commit of each configuration of a data set in the cache of `datasets`."""
    import datasets
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = path.rpartition("/")
    folder = Path(datasets.config.HF_DATASETS_CACHE).expanduser() / f"{owner}___{camelcase_to_snakecase(name)}"
    commits = sorted(folder.glob("*/*/*/dataset_info.json"), key=lambda info: info.parent.stat().st_mtime)
    return {info.parts[-4]: info.parts[-2] for info in commits}


def _require_answer(name: str, path: str, revision: str) -> None:
    """Raise where the hub doesn't have the data set or doesn't answer at all.

    Raises:
        DataAbsent: With the reason.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        HfApi().dataset_info(path, revision=revision, timeout=_SECONDS)
    except GatedRepoError as error:
        reason = "the hub has it for users who accept its terms: accept them there, then run hf auth login"
        raise _absent(name, path, revision, reason) from error
    except RevisionNotFoundError as error:
        raise _absent(name, path, revision, "the hub doesn't have this revision") from error
    except RepositoryNotFoundError as error:
        raise _absent(name, path, revision, "the hub doesn't have it, or not for you") from error
    except Exception as error:  # three libraries raise their own about the network; any other is passed on
        if not _is_of_network(error):
            raise
        raise _absent(name, path, revision, f"the hub doesn't answer: {_said(error)}") from error


def _is_of_network(error: Exception) -> bool:
    """Return whether an error is one of the hub's client, of `datasets` or of the system about an absent answer."""
    return isinstance(error, OSError) or "HTTPError" in {kind.__name__ for kind in type(error).__mro__}


@contextlib.contextmanager
def _offline(configurations: Iterable[str]) -> Iterator[None]:
    """Make `datasets` and the hub's client use only their caches.

    Without a network `datasets` lists one configuration of a data set, whichever was cached last, so mteb wouldn't see
    the candidates of a reranking task.
    """
    import datasets
    from huggingface_hub import constants
    from mteb.abstasks import retrieval_dataset_loaders as loaders

    listed = list(configurations)
    replaced: list[tuple[Any, str, Any]] = [
        (datasets.config, "HF_HUB_OFFLINE", True),
        (constants, "HF_HUB_OFFLINE", True),
        (loaders, "get_dataset_config_names", lambda *_, **__: listed),
    ]
    before = [getattr(module, name) for module, name, _ in replaced]
    for module, name, value in replaced:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(replaced, before, strict=True):
            setattr(module, name, value)


def _absent(name: str, path: str, revision: str, reason: str) -> DataAbsent:
    return DataAbsent(
        Path(path),
        what=f"Data of mteb's task {name}",
        how=f"It is a data set of the Hugging Face hub, revision {revision}: {reason}. Run again with a network, or "
        f"run there: python -c \"import mteb; mteb.get_task('{name}').load_data()\", and copy HF_HOME "
        "(~/.cache/huggingface) with its folders hub and datasets.",
    )


def _said(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}{f', {words[0]}' if words else ''}".rstrip(".")
