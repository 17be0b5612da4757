"""Input of a board: one entry per model, with its scores, states and costs.

Entries hold scores on mteb's scale (0–1), as stored; `build` turns them into points (0–100).
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a board's schema is read off these types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tcmbench.records.reason import Reason, Reasons
from tcmbench.records.score import ENCODING

if TYPE_CHECKING:
    from tcmbench.records.score import Score
    from tcmbench.records.trajectory import Trajectory
    from tcmbench.store import Json

Kind = Literal["baseline", "base", "variant"]
State = Literal["pending", "running", "failed", "not_measured", "not_applicable"]


@dataclass(frozen=True, slots=True)
class CellState:
    """Why a cell has no score."""

    state: State
    """pending: not started; running: in progress; failed: attempted; not_measured: no data; not_applicable: the model
    lacks the ability."""

    reason: Reason | None = None
    """Reason; None where only the state is known."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What a model costs to run, measured beside the other models of its set: medians over its turns."""

    tokens_per_second: float
    """Tokens of documents encoded per second."""

    query_ms: float
    """Milliseconds from the text of a query to its best documents, one query at a time: the median."""

    query_ms_p95: float
    """95th percentile of them."""

    query_ms_range: tuple[float, float]
    """Smallest and largest median of a turn."""

    bytes_per_document: int
    """Bytes stored of one document's vector, those for rescoring included."""

    index_bytes: int
    """Bytes of the index over the documents, with lists, graph and codebooks."""

    weights_bytes: int
    """Bytes of the files of weights."""

    parameters: int
    """Numbers in the weights; 0 where their format doesn't say."""

    peak_memory_mib: float
    """Largest memory of the process, or of the GPU."""

    documents: int
    """Documents of the index."""

    column: str
    """Column that queries and documents are of."""

    repeats: int
    """Turns."""

    hardware: str
    """The machine."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs of a model, as means over seeds; None where not recorded."""

    train_seconds: float | None = None
    """Wall time of one training; of a cure, the trainings that it is made from, and the making."""

    trained_parameters: int | None = None
    """Parameters that the training could change."""

    train_tokens: int | None = None
    """Tokens that one training saw."""

    peak_memory_mib: float | None = None
    """Largest memory of the training process (GPU memory where there is a GPU)."""

    encode_tokens_per_second: float | None = None
    """Speed of encoding in the evaluation."""

    make_seconds: float | None = None
    """Wall time of the making of one model of a cure alone; None where none was made."""

    serving: Serving | None = None
    """What it costs to run; None where it wasn't measured."""


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """One line of a training log; None where the trainer did not report it."""

    step: int
    """Optimiser step."""

    loss: float | None = None
    """Training loss."""

    margin: float | None = None
    """Mean similarity of the positive minus that of the negatives, on held-back examples."""

    learning_rate: float | None = None
    """Learning rate."""


@dataclass(frozen=True, slots=True)
class TaskCard:
    """Content of a task's panel about its data."""

    description: str = ""
    """What the task measures."""

    description_zh: str = ""
    """The same in Chinese; empty where it is missing."""

    source: str = ""
    """Where the data comes from and how to get it."""

    license: str = "unknown"
    """Licence of the data."""

    languages: tuple[str, ...] = ()
    """Languages of the texts."""

    synthetic: bool = False
    """Whether the data was generated."""

    slices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name of a slicing (disease, query length, seen) → item → slice, for the figure of slices."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Item → text, only where the user asked to show texts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Input of one row: a base, or a variant, cure or form with all its seeds."""

    name: str
    """Name of the base, variant, cure or form."""

    title: str
    """Name on the board."""

    kind: Kind
    """Kind of the model."""

    base: str | None = None
    """Base that a variant was tuned from."""

    of: tuple[str, ...] = ()
    """Variants or cures that a cure is made from; empty for other models."""

    form_of: str = ""
    """Model that a form is a form of; empty for other models."""

    description: str = ""
    """One sentence."""

    description_zh: str = ""
    """The same in Chinese; empty where it is missing."""

    recipe: Mapping[str, Json] = field(default_factory=dict)
    """Fields of its file, flattened with dots (`training.batch_size`)."""

    scores: Mapping[str, tuple[Score, ...]] = field(default_factory=dict)
    """Column → one score per seed (one in all for bases)."""

    states: Mapping[str, CellState] = field(default_factory=dict)
    """Column → state where there is no score."""

    cost: Cost | None = None
    """Its costs."""

    training: Mapping[int, tuple[TrainingPoint, ...]] = field(default_factory=dict)
    """Seed → training log."""

    precision: str = ""
    """Precision in which its weights were evaluated, such as float32; "" for a model without weights of its own."""

    failure: str | None = None
    """Why the whole model could not be trained or loaded."""

    provenance: Mapping[str, str] = field(default_factory=dict)
    """Provenance: command, commit, hardware, data hashes, package versions."""

    trajectory: Trajectory | None = None
    """Scores of its checkpoints on a part of each task; None where they were not measured."""

    selection: Reasons = field(default_factory=Reasons)
    """How its checkpoint was chosen; empty for the last one."""

    leaks: Reasons = field(default_factory=Reasons)
    """Overlap of its training records with the tasks of the suite; empty where nothing was trained."""

    @property
    def device(self) -> str:
        """Devices that its scores were measured on, such as NVIDIA H200; "" for a model without weights of its own."""
        if not self.precision:
            return ""
        devices = {score.record.provenance.device for scores in self.scores.values() for score in scores}
        return ", ".join(sorted(devices))

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that its scores were computed with; several of one package are all listed."""
        packages = ("mteb", *ENCODING) if self.precision else ("mteb",)
        found: dict[str, set[str]] = {}
        for score in (score for scores in self.scores.values() for score in scores):
            used = score.record.provenance.packages
            for name in packages:
                if name in used:
                    found.setdefault(name, set()).add(used[name])
        return {name: " and ".join(sorted(versions)) for name, versions in found.items()}
