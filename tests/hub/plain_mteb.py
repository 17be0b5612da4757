"""The scores that plain mteb gives; run as a program: MODEL_DIR DATA_ROOT CONTENT, writes JSON to stdout.

No code of tcmbench takes part but the tasks on its own data, and these are scored by mteb.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import mteb
from mteb.abstasks.retrieval import AbsTaskRetrieval
from sentence_transformers import SentenceTransformer

import tcmbench
from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval


def main() -> None:
    """Measure every column of suite `tcm`."""
    model_dir, data, content = map(Path, sys.argv[1:])
    tcmbench.register_tasks(data)
    FastRetrieval._evaluate_subset = AbsTaskRetrieval._evaluate_subset  # type: ignore[method-assign]
    suite = tomllib.loads((content / "tasks/suites/tcm.toml").read_text(encoding="utf-8"))
    model = SentenceTransformer(str(model_dir))
    scores = {}
    for column in suite["tasks"]:
        split, subset = column.get("split", "test"), column.get("subset", "default")
        chosen = {"eval_splits": [split]} | ({"hf_subsets": [subset]} if subset != "default" else {})
        task = mteb.get_task(column["task"], **chosen)
        result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False).task_results[0]
        (row,) = (row for row in result.scores[split] if row["hf_subset"] == subset)
        scores["/".join((column["task"], split, subset))] = {
            name: value for name, value in row.items() if isinstance(value, int | float)
        }
    sys.stdout.write(json.dumps(scores))


if __name__ == "__main__":
    main()
