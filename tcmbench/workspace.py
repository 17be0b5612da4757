"""Locations of the user's workspace, the bundled content, the data and the store.

A workspace is any folder with `tasks/` and `models/` in it. Specs are looked up there first and then in the
bundled content, so a workspace needs only its own files.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tcmbench.errors import DataAbsent, SpecError, TcmbenchError, UnknownName
from tcmbench.specs import toml, views
from tcmbench.specs.names import is_name
from tcmbench.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tcmbench.specs.cure import Cure
    from tcmbench.specs.form import Form
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.policy import Policies
    from tcmbench.specs.variant import Variant

SpecT = TypeVar("SpecT", bound=toml.Spec)

_FOLDERS = {
    "Base": "models/bases",
    "Variant": "models/variants",
    "Cure": "models/cures",
    "ModelSet": "models/sets",
    "SearchSpace": "models/spaces",
    "Suite": "tasks/suites",
    "TaskSpec": "tasks",
    "DataSet": "tasks/datasets",
}
"""Kind of spec → folder of its files. By name, as importing all of them takes longer than reading one."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one run."""

    root: Path
    """Results go to `leaderboards/` and `reports/` in here."""

    content: tuple[Path, ...]
    """Folders that hold `tasks/` and `models/`, the user's own first."""

    data_root: Path
    """Folder that holds the data, the nearest where there are several."""

    cache: Path
    """Folder of the store: scores, trained models, embeddings, generated data."""

    given: tuple[toml.Spec, ...] = ()
    """Bases and tasks without a spec file, passed to a command as a path or as a name on the hub."""

    further_data_roots: tuple[Path, ...] = ()
    """Folders that hold data as well, the nearer ones first."""

    @property
    def is_own(self) -> bool:
        """Whether `root` is the folder of a workspace, whose specs are read, and not just the current one."""
        return self.root in self.content

    @property
    def store(self) -> Store:
        """Content-addressed artefacts."""
        return Store(self.cache)

    @property
    def data_roots(self) -> tuple[Path, ...]:
        """All folders that data is looked for in, the nearest first."""
        return (self.data_root, *self.further_data_roots)

    @property
    def leaderboards(self) -> Path:
        """Folder of the boards."""
        return self.root / "leaderboards"

    @property
    def reports(self) -> Path:
        """Folder of run reports, which are not committed."""
        return self.root / "reports" / "generated"

    def names(self, schema: type[toml.Spec]) -> list[str]:
        """Return the names of all specs of a kind, sorted."""
        given = {spec.name for spec in self.given if isinstance(spec, schema)}
        return sorted(given | {name for folder in self._folders(schema) for name in toml.names(folder)})

    def has_task(self, name: str) -> bool:
        """Return whether a name is that of a local task, or of a view of one."""
        from tcmbench.specs.task import TaskSpec

        return views.base_name(name) in self.names(TaskSpec)

    def spec(self, schema: type[SpecT], name: str, *, where: str = "") -> SpecT:
        """Read a spec by name; the workspace's own hides a bundled one of the same name.

        Raises:
            UnknownName: No such spec.
            SpecError: It doesn't fit its schema.
        """
        if schema.__name__ == "TaskSpec" and (task := views.base_name(name)) != name:
            return views.view_of(self.spec(schema, task, where=where), name)  # type: ignore[arg-type, return-value]
        for given in self.given:
            if isinstance(given, schema) and given.name == name:
                return given
        for folder in self._folders(schema):
            path = folder / f"{name}.toml"
            # A name that leads elsewhere is looked up in the list of the folder's own files, whose reader rejects it.
            if path.exists() if is_name(name) else name in toml.names(folder):
                return toml.read(schema, path)
        raise UnknownName.of(toml.kind_of(schema), name, self.names(schema), where=where)

    def variants(self, model_set: ModelSet) -> list[Variant]:
        """Return all variants of a set: named, inline and expanded from matrices, in this order."""
        from tcmbench.specs.variant import Variant

        where = f"set {model_set.name}"
        named = [self.spec(Variant, name, where=where) for name in model_set.variants]
        inline = [
            toml.parse(Variant, given, where=f"{where}: variant {given.get('name', '?')}")
            for given in model_set.variant
        ]
        product = [variant for matrix in model_set.matrix for variant in matrix.variants(where=where)]
        found = [*named, *inline, *product]
        names = [*model_set.models, *(variant.name for variant in found)]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise UnknownName(
                f"{where}: names that are used twice, by variants or by a model and a variant: {', '.join(twice)}. "
                "Rename one of each."
            )
        _require_untreated(found, where=where)
        return found

    def cures(self, model_set: ModelSet) -> list[Cure]:
        """Return all cures of a set, named and inline, in this order; each is made from variants or earlier cures.

        Raises:
            UnknownName: A name that is used twice, or a cure of something that the set doesn't have before it.
        """
        from tcmbench.specs.cure import Cure

        where = f"set {model_set.name}"
        named = [self.spec(Cure, name, where=where) for name in model_set.cures]
        inline = [cure for table in model_set.cure for cure in table.cures(where=where)]
        if not named and not inline:
            return []
        known = [variant.name for variant in self.variants(model_set)]
        taken = {*model_set.models, *known}
        for cure in (*named, *inline):
            for name in cure.of:
                if name not in known:
                    raise UnknownName.of("variant or earlier cure", name, known, where=f"{where}: cure {cure.name}: of")
            if cure.name in taken:
                raise UnknownName(f"{where}: {cure.name!r} is used twice, by a cure and another model. Rename one.")
            known.append(cure.name)
            taken.add(cure.name)
        return [*named, *inline]

    def forms(self, model_set: ModelSet) -> list[Form]:
        """Return all forms of a set, in its order.

        Raises:
            UnknownName: A name that is used twice, or a form of something that the set doesn't have before it.
        """
        where = f"set {model_set.name}"
        forms = [form for table in model_set.form for form in table.forms(where=where)]
        if not forms:
            return []
        trained = (*self.variants(model_set), *self.cures(model_set))
        known = [*model_set.models, *(each.name for each in trained)]
        for form in forms:
            if form.of not in known:
                raise UnknownName.of("model or earlier form", form.of, known, where=f"{where}: form {form.name}: of")
            if form.name in known:
                raise UnknownName(f"{where}: {form.name!r} is used twice, by a form and another model. Rename one.")
            known.append(form.name)
        return forms

    def treated(self, model_set: ModelSet) -> list[Cure | Form]:
        """Return the cures of a set, then its forms: rows whose models are made from those of other rows.

        Raises:
            UnknownName: As of `cures` and `forms`.
        """
        return [*self.cures(model_set), *self.forms(model_set)]

    def specs(self, schema: type[SpecT]) -> Iterator[tuple[str, SpecT | TcmbenchError]]:
        """Yield the name of every spec of a kind with the spec, or with the error of its file."""
        for name in self.names(schema):
            try:
                yield name, self.spec(schema, name)
            except TcmbenchError as error:
                yield name, error

    def sets(self) -> Iterator[tuple[ModelSet, list[Variant]]]:
        """Yield every set that can be read, with its variants; invalid sets are skipped."""
        from tcmbench.specs.model_set import ModelSet

        for _, model_set in self.specs(ModelSet):
            with contextlib.suppress(TcmbenchError):
                if isinstance(model_set, ModelSet):
                    yield model_set, self.variants(model_set)

    def policies(self, model_set: ModelSet, *, override: Path | None = None) -> Policies:
        """Return the policies of a set: those of a file that overrides them, its own, or the default.

        Raises:
            SpecError: No such file, or a field that is misspelt or invalid.
        """
        from tcmbench.specs import policy

        if override is not None:
            return policy.read(override, source=self.shown(override))
        own = model_set.policy
        if isinstance(own, str):
            path = next((content / own for content in self.content if (content / own).exists()), self.root / own)
            return policy.read(path, source=own)
        where = f"set {model_set.name}"
        return policy.parse(own, where=f"{where}: policy", source=where if own else "default")

    def shown(self, path: Path) -> str:
        """Return a path for display: relative to the workspace's root where it is inside."""
        whole, root = path.resolve(), self.root.resolve()
        return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(path)

    def variant(self, name: str, *, of: ModelSet | None = None) -> Variant:
        """Return a variant by name: one with a file, or one that a set defines.

        Raises:
            UnknownName: No such variant; where a set defines one, the message names the set.
        """
        from tcmbench.specs.variant import Variant

        if of is not None:
            found = {variant.name: variant for variant in self.variants(of)}
            if name not in found:
                raise UnknownName.of("variant", name, found, where=f"set {of.name}")
            return found[name]
        if name not in self.names(Variant):
            spelling = [each.name for each, its in self.sets() if name in {variant.name for variant in its}]
            if spelling:
                raise UnknownName(
                    f"no variant file named {name!r}, but set {spelling[0]} defines one: add --set {spelling[0]}."
                )
        return self.spec(Variant, name)

    def _folders(self, schema: type[toml.Spec]) -> list[Path]:
        return [content / _FOLDERS[schema.__name__] for content in self.content]


def find(
    start: Path, *, data: Path | None = None, cache: Path | None = None, shared_data: Path | None = None
) -> Workspace:
    """Return the workspace that contains `start`, or one that uses only the bundled content.

    Data is looked for in `data`, in `data/` of the workspace, in `shared_data` and in the user's cache, in this order.

    Args:
        start: Folder to look from, upwards.
        data: Data root that comes first.
        cache: Store; None takes the user's cache.
        shared_data: Data root of several workspaces.

    Raises:
        DataAbsent: `data` or `shared_data` isn't None and isn't a folder.
    """
    bundled = bundled_content()
    own = next((p for p in (start, *start.parents) if _is_workspace(p)), None)
    content: Sequence[Path] = (bundled,) if own is None or own == bundled else (own, bundled)
    root = own or start
    user_cache = Path.home() / ".cache" / "tcmbench"
    for given in (data, shared_data):
        if given is not None and not given.is_dir():
            raise DataAbsent(given, what="The data root", how="Pass an existing folder with --data or $TCMBENCH_DATA.")
    candidates = (data, root / "data", shared_data, user_cache / "data")
    roots = [folder for folder in candidates if folder is not None and folder.is_dir()] or [user_cache / "data"]
    distinct = {folder.resolve(): folder for folder in reversed(roots)}
    nearest, *further = reversed(distinct.values())
    return Workspace(
        root=root,
        content=tuple(content),
        data_root=nearest,
        cache=cache or user_cache / "store",
        further_data_roots=tuple(further),
    )


def _require_untreated(variants: Iterable[Variant], *, where: str) -> None:
    """Refuse a cure during training whose untreated variant the set doesn't have, or has from another base.

    Raises:
        UnknownName: The set has no such variant, or it is a cure itself.
        SpecError: Changes of the two would be measured from different bases.
    """
    plain = {variant.name: variant for variant in variants if not variant.untreated}
    for variant in variants:
        if not variant.untreated:
            continue
        if variant.untreated not in plain:
            raise UnknownName.of("untreated variant", variant.untreated, plain, where=f"{where}: {variant.name}")
        base = plain[variant.untreated].base
        if base != variant.base:
            raise SpecError(
                f"{where}: {variant.name} is tuned from {variant.base}, and its untreated variant {variant.untreated} "
                f"from {base}: a share of what was gained and forgotten needs one base. Give both the same, or leave "
                "untreated out."
            )


def from_environment(folder: Path, *, data: Path | None = None) -> Workspace:
    """Return the workspace of a folder, with `TCMBENCH_DATA` and `TCMBENCH_CACHE` applied."""
    shared = _variable("TCMBENCH_DATA")
    return find(
        folder.resolve(),
        data=data and data.resolve(),
        cache=_variable("TCMBENCH_CACHE"),
        shared_data=shared and shared.resolve(),
    )


def _variable(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value).expanduser() if value else None


def bundled_content() -> Path:
    """Return the folder of the content that comes with tcmbench, in a wheel or in a checkout."""
    package = Path(__file__).parent
    inside = package / "_content"
    return inside if inside.is_dir() else package.parent


def _is_workspace(folder: Path) -> bool:
    return (folder / "tasks").is_dir() and (folder / "models").is_dir()
