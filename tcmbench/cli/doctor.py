"""`tcmbench doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tcmbench import processor
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace
from tcmbench.errors import TcmbenchError
from tcmbench.trainers._runtime.environment import process_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.workspace import Workspace


class Diagnosis(NamedTuple):
    """Result of one check."""

    area: str
    """packages, extras, hardware, hub, store, data or models."""

    name: str
    """Name of the checked item."""

    state: str
    """ok, missing (something required is absent) or note."""

    detail: str
    """Result of the check."""

    remedy: str = ""
    """How to get it."""


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    data: DataOption = None,
) -> None:
    """Report what is installed, what is missing, and how to get it.

    Exits with 2 where a core package is missing.
    """
    place = workspace(data)
    findings = [*_packages(), *_extras(), *_hardware(), *_hub(), *_store(place), *_data(place), *_models(place)]
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], ensure_ascii=False, indent=2))
    else:
        _print(findings)
    if any(finding.area == "packages" and finding.state == "missing" for finding in findings):
        raise typer.Exit(2)


def _print(findings: list[Diagnosis]) -> None:
    width = max(len(finding.name) for finding in findings)
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            say(f"\n{area}")
        mark = {"ok": "✓", "missing": "✗", "note": "·"}[finding.state]
        say(f"  {mark} {finding.name:<{width}}  {finding.detail}")
        if finding.remedy:
            say(f"    {'':<{width}}  → {finding.remedy}")


def _broken(area: str, name: str, error: TcmbenchError) -> Diagnosis:
    return Diagnosis(area, name, "note", "broken", " ".join(str(error).split()))


def _packages() -> Iterator[Diagnosis]:
    yield Diagnosis("packages", "python", "ok", platform.python_version())
    yield Diagnosis("packages", "tcmbench", "ok", importlib.metadata.version("tcmbench"))
    for package in _required(""):
        if version := _version(package):
            yield Diagnosis("packages", package, "ok", version)
        else:
            yield Diagnosis("packages", package, "missing", "not installed", "pip install -c constraints.txt -e .")


def _extras() -> Iterator[Diagnosis]:
    for extra in importlib.metadata.metadata("tcmbench").get_all("Provides-Extra", []):
        needed = _required(extra)
        absent = [package for package in needed if not _version(package)]
        if not absent:
            shown = ", ".join(f"{package} {_version(package)}" for package in needed)
            yield Diagnosis("extras", extra, "ok", shown)
        else:
            yield Diagnosis("extras", extra, "note", f"without {', '.join(absent)}", f"pip install 'tcmbench[{extra}]'")


def _required(extra: str) -> list[str]:
    """Return the packages that an extra adds; with an empty name, those that are always needed."""
    from packaging.requirements import Requirement

    declared = [Requirement(line) for line in importlib.metadata.requires("tcmbench") or ()]
    always = {one.name for one in declared if one.marker is None or one.marker.evaluate({"extra": ""})}
    if not extra:
        return sorted(always)
    added = {one.name for one in declared if one.marker is not None and one.marker.evaluate({"extra": extra})}
    return sorted(added - always)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _hardware() -> Iterator[Diagnosis]:
    import torch

    half = "bfloat16 in hardware" if processor.computes_bfloat16() else "bfloat16 is emulated, so slower than float32"
    yield Diagnosis("hardware", "processor", "ok", f"{platform.machine()}, usable cores: {processor.cores()}, {half}")
    yield _threads(torch.get_num_threads())
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(index)
            yield Diagnosis("hardware", f"GPU {index}", "ok", f"{device.name}, {device.total_memory >> 30} GiB")
    else:
        built = f"torch {torch.__version__} was built for CUDA" if torch.version.cuda else "torch is a CPU build"
        yield Diagnosis(
            "hardware", "GPU", "note", f"none visible; {built}", "docs/gpu.md; everything also runs on a CPU"
        )


def _threads(of_torch: int) -> Diagnosis:
    """Return how many threads compute, and what they do while they wait for one another."""
    measuring = min(of_torch, processor.cores()) if processor.threads_set() is None else of_torch
    training = process_environment()[processor.THREADS]
    waiting = os.environ.get(processor.WAITING, "")
    detail = f"{measuring} to measure, {training} to train; those that wait "
    if waiting != "passive":
        remedy = f"unset {processor.WAITING}: on a busy machine spinning threads take the cores from those that compute"
        return Diagnosis("hardware", "threads", "note", f"{detail}spin ({processor.WAITING}={waiting})", remedy)
    return Diagnosis("hardware", "threads", "ok", f"{detail}sleep")


def _hub() -> Iterator[Diagnosis]:
    from huggingface_hub import constants

    offline = bool(constants.HF_HUB_OFFLINE)
    yield Diagnosis("hub", "cache", "ok", constants.HF_HUB_CACHE)
    if offline:
        yield Diagnosis("hub", "network", "note", "HF_HUB_OFFLINE is set: only what is in the cache can be loaded")
    else:
        used_for = "models named by their hub id and data of mteb's tasks are downloaded where they are missing"
        yield Diagnosis("hub", "network", "note", used_for)


def _store(place: Workspace) -> Iterator[Diagnosis]:
    """Yield whether several processes, also of several machines, can share the store."""
    from tcmbench import shared_folder

    folder = place.cache
    mounted = shared_folder.mount(folder)
    where = f"{folder} ({mounted.kind})" if mounted.kind else str(folder)
    if not folder.is_dir():
        yield Diagnosis("store", "folder", "note", f"{where} doesn't exist yet; its locks are checked once it does")
        return
    yield Diagnosis("store", "folder", "ok", where)
    try:
        obstacle = shared_folder.trial(folder / "running") or mounted.weakness
    except TcmbenchError as error:
        obstacle = str(error)
    if obstacle:
        remedy = "run one process at a time, or set $TCMBENCH_CACHE to a folder with locks (docs/cluster.md)"
        yield Diagnosis("store", "sharing", "note", " ".join(obstacle.split()), remedy)
    else:
        yield Diagnosis("store", "sharing", "ok", "locks and renames of one process hold for others")


def _data(place: Workspace) -> Iterator[Diagnosis]:
    from tcmbench import tasks
    from tcmbench.data.location import SYNTHETIC
    from tcmbench.specs.task import TaskSpec

    yield Diagnosis("data", "data roots", "ok", ", ".join(map(str, place.data_roots)))
    for name, spec in place.specs(TaskSpec):
        if isinstance(spec, TcmbenchError):
            yield _broken("data", name, spec)
            continue
        if spec.path.startswith(SYNTHETIC):
            continue
        absent = tasks.missing_files(place, spec)
        if absent:
            how = f"{spec.source}{tasks.fetch_command(place, spec)}"
            yield Diagnosis("data", spec.name, "note", f"missing {absent[0]}", how)
        else:
            yield Diagnosis("data", spec.name, "ok", spec.path)


def _models(place: Workspace) -> Iterator[Diagnosis]:
    from tcmbench.errors import ModelAbsent
    from tcmbench.models import weights
    from tcmbench.specs.base import Base

    for name, base in place.specs(Base):
        if isinstance(base, TcmbenchError):
            yield _broken("models", name, base)
            continue
        if not base.has_weights:
            continue
        try:
            origin = weights.origin(place, base)
        except ModelAbsent:
            yield Diagnosis("models", name, "note", "not on this machine", weights.remedy(place, base))
        except TcmbenchError as error:
            yield _broken("models", name, error)
        else:
            yield Diagnosis("models", name, "ok", f"here: {origin}" if origin else "here")
