"""Statistics of gain and forgetting: paired, with intervals, corrected for multiple comparisons.

Functions take arrays and return figures; none reads files or knows of boards and exit codes. Values in points (0–100)
give results in points: nothing is rescaled, except by an explicit `scale`.

    inputs          checks of input arrays: a missing score is an error, never a zero
    estimates       Interval and Estimate: percentile intervals
    resampling      clusters drawn with replacement, in blocks of bounded memory
    draws           the result of resampling: one row per resample, one column per model
    paired          models over the same items: bootstrap over items and seeds
    statistics/     figures of a task from its items: mean, Spearman, average precision; one file each
    randomisation   the sign-flip test
    mcnemar         the exact test for paired binary outcomes
    multiplicity    Holm's correction
    power           chance to pass a margin, smallest detectable loss, items and seeds that a smaller one needs
    selection       the gain of the best of several recipes; halves of items
    looks           alpha of each of several planned looks
    forgetting      backward transfer, worst task, retention
    ranking         Borda, Pareto front, ties
    gate_evidence   all models of a task resampled together, as the gate reads them
    gate            rules of the policy, verdicts and violations

Formulas and sources: docs/statistics.md.
"""
