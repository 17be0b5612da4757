"""What the commands return in Python: scores, a leaderboard, and the differences between two models."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcmbench.errors import ScoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from matplotlib.figure import Figure

    from tcmbench.boards.table import Table
    from tcmbench.checks.verify import Verification
    from tcmbench.comparison.pairs import ComparedPair
    from tcmbench.comparison.pairs import Comparison as PairComparison
    from tcmbench.records.score import Score


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on the columns of a suite."""

    model: str
    """Name of the model."""

    scores: Mapping[str, Score]
    """Column → score, in the order of the suite; columns that the model doesn't support are left out."""

    roles: Mapping[str, str]
    """Column → role."""

    def to_pandas(self, *, items: bool = False) -> pd.DataFrame:
        """Return one row per column, or per item of every column; scores are in points (0–100)."""
        import pandas as pd

        if not items:
            rows = [
                {
                    "model": self.model, "column": name, "role": self.roles[name], "metric": score.record.metric,
                    "score": 100 * score.record.value, "items": score.record.items,
                }
                for name, score in self.scores.items()
            ]  # fmt: skip
            return pd.DataFrame(rows)
        frames = [score.items().to_pandas().assign(column=name) for name, score in self.scores.items()]
        return pd.concat(frames, ignore_index=True).assign(model=self.model)

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False, float_format="{:.2f}".format))


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard of a set."""

    build: Callable[[], Table]
    """Computes its content; of a large set this takes a minute."""

    @functools.cached_property
    def table(self) -> Table:
        """Its content, computed on first use."""
        return self.build()

    @property
    def answer(self) -> str:
        """The recommendation of the first screen, in English; that of a quick look says so first."""
        from tcmbench.boards.answer import as_text
        from tcmbench.boards.texts import quick_look

        return " ".join([*([quick_look(self.table.limit)] if self.table.limit else []), as_text(self.table).en])

    def to_pandas(self) -> pd.DataFrame:
        """Return the lines of scores.csv: one per model and column, in points (0–100)."""
        import io

        import pandas as pd

        from tcmbench.boards.spreadsheet import to_csv

        # A model may be named NA or null: only an empty field has no value.
        return pd.read_csv(io.StringIO(to_csv(self.table)), keep_default_na=False, na_values=[""])

    def figure(self, name: str) -> Figure:
        """Return a picture of the board, such as `pareto`, as matplotlib's figure.

        Raises:
            UnknownName: No such picture.
            ScoreMissing: The set has no scores for it.
        """
        from tcmbench import plugins
        from tcmbench.boards.canvas import Canvas, chinese_fonts

        module: Any = plugins.load("figures", name)
        canvas = Canvas.for_paper(name, boxes=not chinese_fonts())
        with canvas.settings():
            drawing = module.draw(self.table, canvas)
        if drawing is None:
            raise ScoreMissing(f"figure {name}: set {self.table.name} has no scores for it.")
        figure: Figure = drawing.figure
        # Notebooks show only figures of pyplot, which keeps them in memory; any other shows itself by this method.
        vars(figure)["_repr_png_"] = functools.partial(_png, figure)
        return figure

    def _repr_html_(self) -> str:
        shown = self.to_pandas().query("status == 'measured'").pivot_table("score", "model", "column", sort=False)
        return f"<p>{self.answer}</p>" + str(shown.to_html(float_format="{:.2f}".format))


def _png(figure: Figure) -> bytes:
    import io

    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Differences between two models."""

    pair: ComparedPair
    comparison: PairComparison

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per column: both scores, the difference with its interval, in points, and p by Holm."""
        import pandas as pd

        from tcmbench import strict_json
        from tcmbench.checks.compare_texts import as_json

        return pd.json_normalize(
            [
                {"column": name, **facts}
                for name, facts in strict_json.loads(as_json(self.pair, self.comparison))["tasks"].items()
            ],
            max_level=1,
        ).drop(columns=["moved", "labels"], errors="ignore")

    def __str__(self) -> str:
        """Return the table that `tcmbench compare` prints."""
        from tcmbench.checks.compare_texts import as_text

        return as_text(self.pair, self.comparison, limit=10, in_detail=False, texts={})

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False, float_format="{:.2f}".format))


@dataclass(frozen=True, slots=True)
class ServedComparison:
    """What a server gives, compared with what was measured."""

    found: Verification

    @property
    def exit_code(self) -> int:
        """That of `tcmbench verify`: 0 the same, 1 different, 2 not every task could be compared."""
        return self.found.exit_code

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per column: both scores in points, the difference with its interval, and changed items."""
        import pandas as pd

        from tcmbench import strict_json
        from tcmbench.checks.verify_texts import as_json

        tasks = strict_json.loads(as_json(self.found))["tasks"]
        rows = [{"column": name, **facts} for name, facts in tasks.items()]
        return pd.json_normalize(rows, max_level=1).drop(columns=["moved"], errors="ignore")

    def __str__(self) -> str:
        """Return what `tcmbench verify` prints."""
        from tcmbench.checks.verify_texts import as_text

        return as_text(self.found)

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False, float_format="{:.2f}".format))
