"""Scores to "better or worse, and how certain": one code for board, gate and compare.

    measured        the models of a set with the items of their scores
    verdict         one model compared with another: figures, findings and outcome
    reference       every model against the set's reference: may a variant ship?
    best            the gain of the variant chosen as the best of several
    needed          what would decide an undecided gate
    precision       what a suite can see
    looks           leaderboards/<set>/looks.json: planned looks and their alpha
    ranks           models compared with one another: ties, ranks, Borda points, the Pareto front
    baseline        leaderboards/<set>/baseline.json: earlier scores, item by item, reviewable as a diff
    comparability   whether the current tasks are those of the baseline
    regression      every model against its own row in the baseline: did anything get worse?
    pairs           two models, item by item
    shown           figures as plain text

Every figure comes from `tcmbench.stats` and keeps its types; `boards` and `checks` render them.
"""
