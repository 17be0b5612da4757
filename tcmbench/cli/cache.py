"""`tcmbench cache`: the contents of the store, their verification, and their removal."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli import group
from tcmbench.cli._output import say
from tcmbench.cli.place import workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tcmbench.store import Store
    from tcmbench.store_inventory import Artefact
    from tcmbench.store_verification import Adopt, Check, Compared

app = group("Show, verify, prune and delete artefacts of the store.")

_GIB = 1 << 30
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_DAY = 86_400.0

KindOption = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Kind of artefact; can be repeated.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what would be removed and remove nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Remove without confirmation.")]


class SortOrder(StrEnum):
    """Sort order of a list."""

    age = "age"
    size = "size"


@app.command()
def show(
    kind: KindOption = None,
    sort: Annotated[
        SortOrder, typer.Option("--sort", help="Sort order: the oldest or the largest first.")
    ] = SortOrder.age,
) -> None:
    """Show the contents of the store.

    Prints one line per kind of artefact or, with --kind, one line per artefact. The age is the time since an artefact
    was last written, and since vectors of texts were last used.
    """
    from tcmbench.store_inventory import artefacts

    store = workspace().store
    listed = artefacts(store, kinds=kind or ())
    if kind:
        _print(listed if sort is SortOrder.age else sorted(listed, key=lambda artefact: -artefact.size))
    else:
        _print_kinds(listed)
    say(f"{_size(_total(listed))} in {store.root}")


@app.command()
def prune(
    kind: KindOption = None,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Remove artefacts unused for this many days."),
    ] = None,
    max_gib: Annotated[
        float | None,
        typer.Option("--max-gib", min=0, help="Remove the longest unused artefacts until this many GiB are left."),
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Remove old artefacts.

    Without --kind it removes vectors of texts, rendered boards, result files for mteb and the folders of killed
    processes: all of these are rebuilt when they are needed. Others, such as tuned models, are removed only by name.
    Artefacts in use by a process are kept.
    """
    from tcmbench.errors import StoreError
    from tcmbench.store_inventory import CHEAP, artefacts
    from tcmbench.store_removal import beyond

    if older_than is None and max_gib is None:
        raise StoreError("tcmbench cache prune: expected a limit. Add --older-than DAYS, --max-gib N, or both.")
    store = workspace().store
    limit = None if max_gib is None else int(max_gib * _GIB)
    listed = artefacts(store, kinds=kind or CHEAP)
    _remove(
        store, beyond(listed, older_than=older_than, max_bytes=limit, now=time.time()), is_dry=dry_run, is_certain=yes
    )


@app.command()
def delete(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A base, a variant, or one seed (variant/seed0).")],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Delete one model with all artefacts that depend on it.

    These are its scores, the vectors of its texts, its tuned weights and checkpoints, and the training sets that no
    other model was trained on. Weights of a base are not in the store and are kept, and so are models tuned from it.
    """
    from tcmbench.errors import StoreError
    from tcmbench.store_inventory import belonging_to
    from tcmbench.store_removal import has_live_run

    store = workspace().store
    selected = belonging_to(store, model)
    if not dry_run and has_live_run(store):
        raise StoreError(f"{store.root}: a run is working on this store. Wait for it or stop it, then delete {model}.")
    _remove(store, selected, is_dry=dry_run, is_certain=yes)


@app.command()
def verify(
    kind: KindOption = None,
    delete_damaged: Annotated[bool, typer.Option("--delete", help="Remove damaged artefacts.")] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Compare artefacts with their checksums.

    Commands verify artefacts when they use them; this verifies all of them. Scores and tuned models that an
    earlier version stored without checksums get them: scores after a check that they belong to their keys and agree
    with their items. Exits with 2 where damaged artefacts remain.
    """
    from tcmbench.cli.progress import waiting
    from tcmbench.errors import StoreError
    from tcmbench.store_inventory import artefacts
    from tcmbench.store_verification import verify as compare

    store = workspace().store
    listed = artefacts(store, kinds=kind or ())
    with waiting(f"comparing {_size(_total(listed))}"):
        compared = compare(store, listed, adopt=_adopt(), checks=_checks())
    _print_verification(compared)
    damaged = [artefact for each in compared for artefact in each.removable()]
    if delete_damaged and damaged:
        _remove(store, damaged, is_dry=dry_run, is_certain=yes)
    elif damaged:
        raise StoreError(
            f"{store.root}: {len(damaged)} artefact{'s' * (len(damaged) != 1)} damaged. A run that needs one "
            "rebuilds it; to remove all of them: tcmbench cache verify --delete"
        )


def _adopt() -> Mapping[str, Adopt]:
    """Return the functions that write manifests of artefacts of earlier versions."""
    from tcmbench.evaluation import evaluate
    from tcmbench.tuning import tune

    return {evaluate.KIND: evaluate.adopt, tune.KIND: tune.adopt}


def _checks() -> Mapping[str, Check]:
    """Return the checks of kinds with their own checksums."""
    from tcmbench.encoders.runtime import embedding_cache
    from tcmbench.records import failures
    from tcmbench.trainers._runtime import checkpoints

    return {
        "embeddings": embedding_cache.damaged,
        "failures": failures.damaged_note,
        "work": checkpoints.damaged,
    }


def _print_verification(compared: Sequence[Compared]) -> None:
    """Print one line per kind, then one line per damaged file."""
    typer.echo(f"{'kind':<11} {'intact':>8} {'unverified':>11} {'damaged':>8}")
    for kind in sorted({each.artefact.kind for each in compared}):
        states = [each.state for each in compared if each.artefact.kind == kind]
        counts = [states.count(state) for state in ("whole", "unverified", "damaged")]
        typer.echo(f"{kind:<11} {counts[0]:>8} {counts[1]:>11} {counts[2]:>8}")
    if any(each.state == "unverified" for each in compared):
        typer.echo("unverified: without checksums; a run rebuilds those that it needs")
    for each in compared:
        for problem in each.problems.values():
            typer.echo(f"damaged: {each.artefact.kind}  {problem.path}: {problem.what}")


def _remove(store: Store, selected: Sequence[Artefact], *, is_dry: bool, is_certain: bool) -> None:
    """Print the artefacts to remove, ask for confirmation on a terminal, remove them and print the result."""
    from tcmbench.errors import StoreError
    from tcmbench.store_removal import remove

    if not selected:
        say("nothing to remove")
        return
    _print(selected)
    what = f"{len(selected)} artefact{'s' * (len(selected) != 1)}, {_size(_total(selected))}"
    if is_dry:
        say(f"would remove {what}")
        return
    if not is_certain:
        if not _has_terminal():
            raise StoreError(
                f"tcmbench cache: expected a confirmation before {what} are removed. Add --yes or --dry-run."
            )
        typer.confirm(f"Remove {what}?", abort=True)
    removal = remove(store, selected)
    for artefact in removal.in_use:
        say(f"in use, not removed: {artefact.kind} {artefact.path}")
    say(f"removed {len(removal.removed)}, {_size(_total(removal.removed))}")


def _has_terminal() -> bool:
    return sys.stdin.isatty()


def _print_kinds(listed: Iterable[Artefact]) -> None:
    """Print one line per kind."""
    from tcmbench.store_inventory import KINDS

    kinds: dict[str, list[Artefact]] = {}
    for artefact in listed:
        kinds.setdefault(artefact.kind, []).append(artefact)
    rank = {kind: place for place, kind in enumerate(KINDS)}
    for kind, its in sorted(kinds.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0])):
        ages = sorted({_age(artefact) for artefact in its}, key=lambda age: int(age.split()[0]))
        span = ages[0] if len(ages) == 1 else f"{ages[0].split()[0]} to {ages[-1]}"
        say(f"{kind:<11} {len(its):>6}  {_size(_total(its)):>10}  {span:<16} {KINDS.get(kind, '')}".rstrip())


def _print(listed: Iterable[Artefact]) -> None:
    """Print one line per artefact."""
    from tcmbench.store_inventory import owner

    for artefact in listed:
        label = owner(artefact).model
        line = f"{artefact.kind:<11} {_size(artefact.size):>10}  {_age(artefact):>9}  {label}"
        say(f"{line.rstrip()}  {artefact.path}")


def _total(listed: Iterable[Artefact]) -> int:
    return sum(artefact.size for artefact in listed)


def _size(size: int) -> str:
    unit, name = next((pair for pair in _UNITS if size >= pair[0]), (1, "B"))
    return f"{size / unit:.1f} {name}" if unit > 1 else f"{size} B"


def _age(artefact: Artefact) -> str:
    days = max(0, int((time.time() - artefact.used) / _DAY))
    return f"{days} day{'s' * (days != 1)}"
