"""No mined negatives: in-batch negatives only, the baseline for all miners."""

from __future__ import annotations

from tcmbench.miners import Corpus, MiningContext, Negatives, Queries
from tcmbench.plugins import PluginOptions

REVISION = "1"


class Options(PluginOptions):
    """No options."""


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return no negatives for each query."""
    return Negatives(ids=((),) * len(queries.ids), filled=(0,) * len(queries.ids))
