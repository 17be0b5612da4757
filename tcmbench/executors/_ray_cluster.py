"""The Ray cluster of a run: the connection, and what its nodes have."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import ray

from tcmbench import processor
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.runs.job import Job

_SECONDS = 10.0
_MIB = 1 << 20
_START = "Start one with `ray start --head`, or pass --address local for one on this machine alone."
_IF_SECURED = (
    "If it has a token, copy ~/.ray/auth_token from its first machine, set RAY_AUTH_MODE=token, and run again "
    "(docs/cluster.md)."
)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect this process to a cluster; one that it is connected to already, as in a notebook, stays connected.

    Raises:
        SpecError: No cluster answers, it has another version of Ray or Python, or it wants a token.
    """
    if ray.is_initialized():
        yield
        return
    _refuse_unreachable(address)
    # Ray reports the use of a cluster that it starts to its makers unless this is set.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
            **({"include_dashboard": False, "num_cpus": processor.cores()} if address == "local" else {}),
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        first = str(error).strip().partition("\n")[0].rstrip(".")
        # Ray's message is the same where a token is missing.
        advice = _START if os.environ.get("RAY_AUTH_MODE") == "token" else f"{_START} {_IF_SECURED}"
        raise SpecError(f"--address {address}: expected a Ray cluster, but: {first}. {advice}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _refuse_unreachable(address: str) -> None:
    """Refuse an address where nobody listens: Ray would try for a minute and end this process."""
    if "://" in address:
        raise SpecError(
            f"--address {address}: expected host:port of a cluster. The run has to see the store, so start it on a "
            "node of the cluster, not through a client of Ray (docs/cluster.md)."
        )
    given = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    host, _, port = given.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        raise SpecError(f"--address {given}: expected a Ray cluster, but: {error}. {_START}") from error


class Room(NamedTuple):
    """What a task takes of one node."""

    cpus: int

    gpus: int

    memory_mib: int | None
    """Main memory; None if unknown, or where the weights are in that of a GPU."""

    @property
    def resources(self) -> dict[str, float]:
        """The same as options of a task."""
        memory = {} if self.memory_mib is None else {"memory": self.memory_mib * _MIB}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, **memory}

    def __str__(self) -> str:
        """Return it in words."""
        memory = "" if self.memory_mib is None else f" and {self.memory_mib:,} MiB of memory"
        gpus = f", {_counted(self.gpus, 'GPU')}" if self.gpus else ""
        return f"{_counted(self.cpus, 'core')}{gpus}{memory}"


class Node(NamedTuple):
    """A machine of the cluster."""

    identity: str
    """Ray's id."""

    name: str
    """Host name, with the address where several have it."""

    room: Room
    """All that it has."""


def nodes() -> list[Node]:
    """Return the nodes that are alive."""
    alive: list[dict[str, Any]] = [node for node in ray.nodes() if node["Alive"]]
    return [
        Node(
            str(node["NodeID"]),
            f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}:{node['NodeManagerPort']})",
            Room(
                int(node["Resources"].get("CPU", 0)),
                int(node["Resources"].get("GPU", 0)),
                int(node["Resources"].get("memory", 0)) // _MIB,
            ),
        )
        for node in alive
    ]


class Cluster:
    """What jobs take of the cluster."""

    def __init__(self, jobs: int | None) -> None:
        """Look at the nodes.

        Args:
            jobs: Jobs that share the cores, where the user said so; None: as many as fit.
        """
        here = nodes()
        total = sum(node.room.cpus for node in here)
        self._most_cpus = max(1, *(node.room.cpus for node in here))
        self._share = self._most_cpus if jobs is None else max(1, total // jobs)
        # Fixed for the run: a job that has lost its GPUs is refused, instead of measuring on a processor.
        self._has_gpus = any(node.room.gpus for node in here)

    def room(self, job: Job) -> Room:
        """Return what a job takes: its threads, as far as a node has cores, and its GPUs if the cluster has any."""
        wanted = min(job.needs.threads, processor.threads_set() or job.needs.threads)
        gpus = job.needs.gpus if self._has_gpus else 0
        cpus = max(1, min(wanted, self._most_cpus, self._share))
        return Room(cpus, gpus, None if gpus else job.needs.memory_mib)

    def refusal(self, job: Job) -> str | None:
        """Return why no node can ever perform a job, for which Ray would wait forever; None if one can."""
        room = self.room(job)
        here = nodes()
        if any(_holds(node.room, room) for node in here):
            return None
        listed = "; ".join(f"{node.name} has {node.room}" for node in here)
        return (
            f"{job.model}: needs {room} on one node, which no node of the cluster has ({listed}). Add such a node, or "
            f"lower {'training.options.devices' if room.gpus > 1 else 'what the model needs'}."
        )


def _holds(node: Room, room: Room) -> bool:
    fits = node.cpus >= room.cpus and node.gpus >= room.gpus
    return fits and (node.memory_mib or 0) >= (room.memory_mib or 0)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
