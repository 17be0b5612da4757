"""Options of the commands that perform jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tcmbench.plugins import Plugin

ExecutorOption = Annotated[
    str, typer.Option("--executor", help="Plug-in that performs the jobs; see `tcmbench list executors`.")
]

AddressOption = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Cluster of --executor ray; default: that of $RAY_ADDRESS or of this machine; `local` starts one.",
    ),
]


def chosen(executor: str, *, jobs: int | None, address: str) -> Plugin:
    """Return the executor with the options that were given; others keep its defaults.

    Raises:
        UnknownName: No such executor.
        SpecError: It has no such option.
    """
    from tcmbench import plugins
    from tcmbench.errors import SpecError

    known = type(plugins.use("executors", executor, where="--executor").options).model_fields
    if address and "address" not in known:
        raise SpecError(f"--address {address}: it is the cluster of --executor ray, got --executor {executor}.")
    options = {"jobs": jobs, "address": address or None}
    given = {name: value for name, value in options.items() if value is not None}
    return plugins.use("executors", executor, given, where="--executor")


def is_parallel(executor: Plugin) -> bool:
    """Return whether an executor performs several jobs at a time."""
    from tcmbench.executors import ExecutorOptions

    return isinstance(executor.options, ExecutorOptions) and executor.options.jobs > 1
