"""The trials of a search in Optuna's storage: none is repeated, and an interrupted search continues.

A trial is stored with its parameters in one step, as running, and in a second one with its figures. What is running
when a search starts was interrupted or has failed, and is done again with the same parameters. The sampler of each
trial has its own seed, so its parameters depend only on its number and the trials that had ended when it was chosen,
and not on how often the search was interrupted.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.errors import MissingExtra, StoreError
from tcmbench.searches.figures import from_json, to_json
from tcmbench.specs.space import Choices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tcmbench.records.search import HalfFigures
    from tcmbench.specs.space import Chosen, SearchSpace
    from tcmbench.store import Json, Store

KIND = "searches"

_FILE = "study.sqlite3"
_NAME = "search"
_FIGURES, _REASON, _LOOKS, _SHORTFALL = "figures", "reason", "looks", "shortfall"


class Asked(NamedTuple):
    """A trial whose parameters are chosen."""

    number: int
    parameters: dict[str, Chosen]


class Told(NamedTuple):
    """A trial that has ended."""

    number: int
    parameters: dict[str, Chosen]

    state: str
    """complete, stopped or failed."""

    figures: HalfFigures | None
    reason: str


class Study:
    """The trials of one search. Only one process at a time has it."""

    def __init__(self, space: SearchSpace, path: Path) -> None:
        """Open the study of a space; it is created when absent."""
        optuna = _optuna()
        self._space = space
        self._optuna = optuna
        self._path = path
        self._failed: dict[int, str] = {}
        with self._explained():
            storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
            # this sampler is never used: `ask` has one per trial
            sampler = optuna.samplers.RandomSampler(seed=0)
            self._study = optuna.create_study(
                storage=storage, study_name=_NAME, direction="maximize", sampler=sampler, load_if_exists=True
            )

    @property
    def running(self) -> list[Asked]:
        """Trials whose parameters are chosen and that haven't ended, nor failed since the study was opened."""
        state = self._optuna.trial.TrialState.RUNNING
        return [
            Asked(trial.number, self._ordered(trial.params))
            for trial in self._trials()
            if trial.state == state and trial.number not in self._failed
        ]

    @property
    def ended(self) -> list[Told]:
        """Trials that have ended, in their order."""
        states = self._optuna.trial.TrialState
        names = {states.COMPLETE: "complete", states.PRUNED: "stopped"}
        return [
            Told(
                trial.number,
                self._ordered(trial.params),
                names.get(trial.state, "failed"),
                from_json(trial.user_attrs.get(_FIGURES)),
                self._failed.get(trial.number) or str(trial.user_attrs.get(_REASON, "")),
            )
            for trial in self._trials()
            if trial.state in names or trial.number in self._failed
        ]

    @property
    def size(self) -> int:
        """Number of trials, ended or not."""
        return len(self._trials())

    def ask(self) -> Asked:
        """Choose the parameters of the next trial and store it as running.

        Tree-structured Parzen estimator (Bergstra et al., NIPS 2011) with the gate's bound as a constraint, whose
        violations rank below every trial that holds it. Trials that are running count as bad ones, so that trials side
        by side differ ("constant liar": Ginsbourger et al., 2010).
        """
        trials = self._trials()
        seed = self._space.seed * 1_000_003 + len(trials)
        model = self._optuna.create_study(
            direction="maximize", sampler=self._optuna.samplers.TPESampler(seed=seed % 2**32, constant_liar=True)
        )
        model.add_trials(trials)
        trial = model.ask()
        parameters: dict[str, Chosen] = {}
        for name in self._space.parameters:
            if self._space.applies(name, parameters):
                parameters[name] = self._suggested(trial, name)
        new = self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState.RUNNING, params=trial.params, distributions=trial.distributions
        )
        with self._explained():
            self._study.add_trial(new)
        return Asked(len(trials), parameters)

    def tell(self, number: int, figures: HalfFigures, *, gain: float) -> None:
        """Store a measured trial with its figures on the selection half; the gain is what is maximised."""
        self._note(number, {_FIGURES: to_json(figures)}, shortfall=figures.shortfall)
        self._end(number, value=gain)

    def stop(self, number: int, figures: HalfFigures, *, reason: str) -> None:
        """Store a trial that was stopped, with the figures of its probe."""
        self._note(number, {_FIGURES: to_json(figures), _REASON: reason}, shortfall=figures.shortfall)
        self._end(number, state="PRUNED")

    def fail(self, number: int, reason: str) -> None:
        """Note that a trial has no figures. It stays running in the storage, so that the next search tries it again."""
        self._failed[number] = reason

    def look(self, number: int, seeds: Sequence[int]) -> int:
        """Note that a trial's models are compared on the confirmation half; return how many different ones were so far.

        New trainings of the same recipe are other models: one of several draws of them may pass by luck.
        """
        with self._explained():
            looks: list[list[int]] = list(self._study.user_attrs.get(_LOOKS, []))
            if [number, *seeds] not in looks:
                looks.append([number, *seeds])
                self._study.set_user_attr(_LOOKS, looks)
        return len(looks)

    def _trials(self) -> list[Any]:
        with self._explained():
            return list(self._study.get_trials(deepcopy=False))

    def _ordered(self, parameters: dict[str, Any]) -> dict[str, Chosen]:
        return {name: parameters[name] for name in self._space.parameters if name in parameters}

    def _suggested(self, trial: Any, name: str) -> Chosen:
        parameter = self._space.parameters[name]
        if isinstance(parameter, Choices):
            return str(trial.suggest_categorical(name, list(parameter.choices)))
        low, high, log = parameter.low, parameter.high, parameter.log
        if parameter.is_whole:
            return int(trial.suggest_int(name, int(low), int(high), log=log, step=int(parameter.step or 1)))
        return float(trial.suggest_float(name, float(low), float(high), log=log, step=parameter.step))

    def _note(self, number: int, facts: dict[str, Json], *, shortfall: float | None = None) -> None:
        with self._explained():
            trial = self._optuna.trial.Trial(self._study, self._trials()[number]._trial_id)
            for name, fact in facts.items():
                trial.set_user_attr(name, fact)
            # one that is there was stored just before an interruption, from the same scores
            if shortfall is not None and _SHORTFALL not in trial.constraints:
                trial.set_constraint(_SHORTFALL, shortfall)

    def _end(self, number: int, *, value: float | None = None, state: str = "COMPLETE") -> None:
        with self._explained():
            self._study.tell(number, value, state=self._optuna.trial.TrialState[state])

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, self._optuna.exceptions.StorageInternalError) as error:
            raise StoreError(
                f"{self._path}: expected Optuna's storage of a search, but: {str(error).splitlines()[0]}. Delete the "
                "file and search again: trained models and scores are used again."
            ) from error


@contextlib.contextmanager
def opened(store: Store, space: SearchSpace, key: str) -> Iterator[Study]:
    """Give the study of a key, which no other process has meanwhile.

    Raises:
        MissingExtra: Optuna is not installed.
        StoreError: Another process is searching the same space, or the storage can't be read.
    """
    folder = store.path(KIND, key)
    with store.lock(KIND, key, timeout=0):
        folder.mkdir(parents=True, exist_ok=True)
        yield Study(space, folder / _FILE)


def _optuna() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import optuna
    except ImportError as error:
        raise MissingExtra.of("optuna", "search", purpose="A search") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
