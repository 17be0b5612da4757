"""Canaries: texts and pairs whose vectors and scores show whether the model behind a server is still the same.

Nobody can see the weights behind a URL. So its canaries are asked for before the first text and again before a score is
stored, and have to be what they were under this revision, and what the local weights give where the base names some.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench.encoders.runtime import drift
from tcmbench.encoders.runtime.drift import EMPTY
from tcmbench.errors import DamagedArtefact, EvaluationError
from tcmbench.store import key, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tcmbench.store import Store

KIND = "canaries"
"""Kind of artefact in the store."""

_STAGE = "canaries 1"
_FILE = "canaries.json"
_PASSAGE = (
    "患者男，52岁，三年前因饮食不节出现胃脘胀痛，食后加重，嗳气频作，偶有泛酸；曾服中药调理，时轻时重。近两月来又因劳累"
    "与情志不畅而复发，伴胸胁满闷，口苦咽干，大便干结，2至3日一行，夜寐不安，多梦易醒。舌质红，苔黄腻，脉弦滑。"
)
_OTHER_PASSAGE = (
    "女性，67岁，反复咳喘十余年，每逢冬季加剧，痰白清稀，形寒肢冷，腰膝酸软，小便频数，下肢浮肿；舌淡胖有齿痕，苔白滑，"
    "脉沉细无力。西医诊断：慢性阻塞性肺疾病 (COPD)，长期使用吸入制剂，疗效欠佳。"
)

SHORT = "主诉：咳嗽三日"

TEXTS: Mapping[str, str] = {
    "a query": SHORT,
    "a document": "名称：气虚证。",
    "everyday words": "今天天气很好，我们去公园散步吧！",
    "English": "The quick brown fox.",
    "a trailing newline": f"{SHORT}\n",
    "outer spaces": "  名称：气虚证。  ",
    **{f"{length:,} characters": ((_PASSAGE + _OTHER_PASSAGE) * 20)[:length] for length in (100, 200, 400, 800, 1600)},
}
"""Label → text. Of the long ones each begins with the shorter one."""

QUERY = "主诉：胃脘胀痛，嗳气泛酸，口苦，舌红苔黄腻。"

DOCUMENTS: Mapping[str, str] = {
    "a related document": "名称：肝胃郁热证。定义：肝郁化火，横逆犯胃，以胃脘灼痛、泛酸、口苦为主要表现的证候。",
    "an unrelated document": "今天天气很好，我们去公园散步吧！",
    "a document of one word": "湿",
    "English": "Damp-heat in the middle burner: epigastric pain, acid reflux, bitter taste.",
    "a trailing newline": "今天天气很好，我们去公园散步吧！\n",
    **{f"{length:,} characters": ((_PASSAGE + _OTHER_PASSAGE) * 20)[:length] for length in (100, 200, 400, 800, 1600)},
}
"""Label → document, all for one query."""

Values = dict[str, "NDArray[np.float32]"]
"""Label → vector; of a reranker an array of one score."""


def may_be_refused(label: str) -> bool:
    """Return whether a server may refuse a canary: an empty text, or one that is longer than it reads."""
    return label == EMPTY or label.endswith(drift.LONG)


class _Record(BaseModel):
    """Contents of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    """Name of the model that wrote them."""

    revision: str
    """Revision of the model."""

    values: dict[str, tuple[float, ...]]


class Declared(NamedTuple):
    """The local model that a server is declared to serve."""

    name: str

    values: Callable[[], Values]
    """Computes its canaries, or reads them from the store."""


class Watch:
    """Compares the canaries of a model behind a server."""

    def __init__(self, ask: Callable[[], Values], *, name: str, revision: str, store: Store, are_scores: bool) -> None:
        """Nothing is sent.

        Args:
            ask: Asks the server for the canaries.
            name: The model, for messages.
            revision: Its revision, which the stored canaries belong to.
            store: Where they are.
            are_scores: Whether they are scores of pairs instead of vectors.
        """
        self.declared: Declared | None = None
        """What they have to equal."""
        self.inspect: Callable[[], None] | None = None
        """Called on the first look, after the canaries were found to be sound."""
        self.values: Values | None = None
        """The canaries of this process's first look; None before it."""
        self._ask = ask
        self._name = name
        self._revision = revision
        self._store = store
        self._compare = drift.of_scores if are_scores else drift.of_vectors
        self._are_scores = are_scores
        self.has_asked = False
        """Whether anything was asked for since the last look."""

    def begin(self) -> None:
        """Compare the canaries before anything is asked for; the first look under a revision stores them.

        Raises:
            EvaluationError: They are no vectors, or not those of this revision or of the declared model.
        """
        self.has_asked = True
        if self.values is None:
            now = self._checked()
            if self.inspect is not None:
                self.inspect()
            before = self._before()
            if before is None or not now.keys() <= before.keys():
                write(self._store, {**now, **(before or {})}, model=self._name, revision=self._revision)
            self.values = now

    def confirm(self) -> None:
        """Compare the canaries again, where anything was asked for since the last look.

        Raises:
            EvaluationError: They have changed: another model has given some of the results.
        """
        if self.has_asked:
            self._checked()
            self.has_asked = False

    def _checked(self) -> Values:
        now = self._ask()
        require_sound(now, name=self._name, are_scores=self._are_scores)
        for before in (self.values, self._before()):
            if before is not None and (changed := self._compare(before, now, tolerance=drift.SAME_MODEL)).is_drift:
                raise EvaluationError(
                    f"{self._name}: its canaries have changed under the same revision, so nothing that it gives now is "
                    f"used: {changed.said()}. Serve the former model again, or raise `revision` in the base's options."
                )
        if self.declared is not None:
            found = self._compare(self.declared.values(), now, tolerance=drift.EQUAL)
            if found.is_drift:
                raise EvaluationError(
                    f"{self._name}: the server doesn't give what the weights of {self.declared.name} give here "
                    f"(same_as): {found.said()}. Correct the server, or remove same_as."
                )
        return now

    def _before(self) -> Values | None:
        try:
            return stored(self._store, self._revision)
        except DamagedArtefact as error:
            raise EvaluationError(
                f"{self._name}: its stored canaries can't be read, so whether the server's model is still the same is "
                f"unknown ({error}). Raise `revision` in the base's options."
            ) from error


def stored(store: Store, revision: str) -> Values | None:
    """Return the canaries of a revision; None where there are none yet.

    Raises:
        DamagedArtefact: They can't be read.
    """
    name = key(_STAGE, {"model": revision})
    folder = store.open(KIND, name, _FILE)
    if folder is None:
        return None
    try:
        record = _Record.model_validate(read_json(folder / _FILE))
    except ValidationError as error:
        raise DamagedArtefact(folder / _FILE, what="expected the canaries that tcmbench wrote") from error
    return {label: np.array(numbers, dtype=np.float32) for label, numbers in record.values.items()}


def write(store: Store, values: Values, *, model: str, revision: str) -> None:
    """Store the canaries of a revision, in place of former ones."""
    name = key(_STAGE, {"model": revision})
    numbers = {label: tuple(map(float, its)) for label, its in values.items()}
    record = _Record(model=model, revision=revision, values=numbers)
    with store.lock(KIND, name), store.build(KIND, name, replaces=True) as folder:
        write_json(folder / _FILE, record.model_dump(mode="json"))


def require_sound(values: Values, *, name: str, are_scores: bool) -> None:
    """Check that canaries tell models apart.

    Raises:
        EvaluationError: NaN, infinity, a zero vector, or the same for every text.
    """
    what = "score" if are_scores else "vector"
    wrong = [label for label, numbers in values.items() if not np.isfinite(numbers).all()]
    wrong += [] if are_scores else [label for label, numbers in values.items() if label != EMPTY and not numbers.any()]
    if wrong:
        kinds = "NaN or infinite" if are_scores else "NaN, infinite or zero"
        raise EvaluationError(
            f"{name}: the server's {what} of {wrong[0]} is {kinds}, and so of {len(wrong)} of {len(values)} canaries. "
            "Nothing was stored. Half precision overflows in some models: serve it in float32 or bfloat16; otherwise "
            "its weights are damaged."
        )
    texts = [numbers for label, numbers in values.items() if label != EMPTY]
    if len({json.dumps([float(x) for x in numbers]) for numbers in texts}) == 1:
        raise EvaluationError(
            f"{name}: the server gives the same {what} for {len(texts)} different texts. Nothing was stored. Does it "
            "read what it is sent?"
        )
