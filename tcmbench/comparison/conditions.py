"""What a comparison's figures depend on beside the models: precision, device, versions, samples, unmeasured changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.measured import MeasuredSet


def unlike(values: Mapping[str, str], *, reference: str) -> dict[str, str]:
    """Return name → precision, or device, of the models whose own is another than that of the reference.

    Args:
        values: Model → precision or device of its evaluation; "" where it has none, such as BM25.
        reference: Name of the reference; without a value of its own nothing is unlike it.
    """
    own = values.get(reference, "")
    return {name: value for name, value in values.items() if own and value and value != own}


def samples_line(samples: Mapping[str, int]) -> str:
    """Return a sentence on the columns of samples (column → their limit); "" without any."""
    if not samples:
        return ""
    said = ", ".join(f"{name} ({count:,})" for name, count in samples.items())
    return f"Fixed samples with at most so many queries, pairs or texts: {said}."


def precisions_line(unlike: Mapping[str, str], *, reference: str, precision: str) -> str:
    """Return a sentence on models of another precision than the reference's; "" without any."""
    if not unlike:
        return ""
    said = ", ".join(f"{name} in {of_model}" for name, of_model in unlike.items())
    return f"Unlike precisions: {said}, {reference} in {precision}. A part of their difference may be rounding."


def devices_line(unlike: Mapping[str, str], *, reference: str, device: str) -> str:
    """Return a sentence on models of another device than the reference's; "" without any."""
    if not unlike:
        return ""
    said = ", ".join(f"{name} on {of_model}" for name, of_model in unlike.items())
    return f"Unlike devices: {said}, {reference} on {device}. A part of their difference may be rounding."


def unlike_versions(versions: Mapping[str, Mapping[str, str]], *, reference: str) -> tuple[dict[str, str], str]:
    """Return name → packages of another version than the reference's, and the reference's of all of these.

    Args:
        versions: Model → package → version.
        reference: Name of the reference; packages that it doesn't have are no difference.
    """
    own = versions.get(reference, {})
    differing = {
        name: {package: version for package, version in its.items() if own.get(package, version) != version}
        for name, its in versions.items()
    }
    packages = sorted({package for its in differing.values() for package in its})
    said = {name: _named(its) for name, its in differing.items() if its}
    return said, _named({package: own[package] for package in packages})


def _named(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {versions[package]}" for package in sorted(versions))


def versions_line(unlike: Mapping[str, str], *, reference: str, versions: str) -> str:
    """Return a sentence on models measured with other packages than the reference; "" without any."""
    if not unlike:
        return ""
    said = ", ".join(f"{name} with {of_model}" for name, of_model in unlike.items())
    return f"Unlike versions: {said}, {reference} with {versions}. A part of their difference may be the packages'."


def computation_lines(
    reference: str,
    *,
    precisions: Mapping[str, str],
    devices: Mapping[str, str],
    versions: Mapping[str, Mapping[str, str]],
) -> tuple[str, ...]:
    """Return the sentences on models that were computed in another way than the reference.

    Args:
        reference: Name of the reference.
        precisions: Model → precision of its evaluation.
        devices: Model → device.
        versions: Model → package → version.
    """
    differing, own = unlike_versions(versions, reference=reference)
    said = (
        precisions_line(
            unlike(precisions, reference=reference), reference=reference, precision=precisions.get(reference, "")
        ),
        devices_line(unlike(devices, reference=reference), reference=reference, device=devices.get(reference, "")),
        versions_line(differing, reference=reference, versions=own),
    )
    return tuple(line for line in said if line)


def unmeasured(measured: MeasuredSet) -> dict[str, str]:
    """Return cure → the row that it is made from, where no general task reads what the cure has changed.

    A map of queries, moved documents and fusion change rankings, and leave a suite's sentence pairs as they are: every
    value of both rows is the same on all general tasks, and not on the others.
    """
    import numpy as np

    models = {model.name: model for model in measured.models}
    found: dict[str, str] = {}
    for name, cure in models.items():
        source = models.get(cure.entry.of[0]) if len(cure.entry.of) == 1 else None
        if source is None:
            continue
        same = {
            column.column: np.array_equal(cure.items[column.column].values, source.items[column.column].values)
            for column in measured.columns
            if column.column in cure.items and column.column in source.items
        }
        general = [column.column for column in measured.columns if column.role == "general"]
        if general and all(same.get(column) for column in general) and not all(same.values()):
            found[name] = found.get(source.name, source.name)
    return found


def unmeasured_line(cures: Mapping[str, str]) -> str:
    """Return a sentence on cures whose forgetting the suite doesn't measure (cure → its source); "" without any."""
    if not cures:
        return ""
    said = ", ".join(f"{name} (as {source})" for name, source in cures.items())
    return (
        f"No general task reads what these cures change, so a pass says nothing about forgetting by them: {said}. "
        "A general retrieval task would."
    )


def lines(measured: MeasuredSet) -> tuple[str, ...]:
    """Return the sentences on a set against its reference."""
    said = (
        samples_line(measured.suite.samples),
        *computation_lines(
            measured.model_set.reference,
            precisions={model.name: model.entry.precision for model in measured.models},
            devices={model.name: model.entry.device for model in measured.models},
            versions={model.name: model.entry.versions for model in measured.models},
        ),
        unmeasured_line(unmeasured(measured)),
    )
    return tuple(line for line in said if line)
