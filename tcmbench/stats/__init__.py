"""Gain and forgetting as numbers that hold: paired, with intervals, corrected for how many were looked at.

Everything here takes arrays and gives figures; files, boards and exit codes are other packages' business. What is
given in points (0–100) comes back in points: nothing is rescaled except where a `scale` is asked for.

    inputs          arrays that are checked: a missing score is an error, never a zero
    estimates       Interval and Estimate: percentile intervals
    resampling      whole clusters drawn with replacement, in blocks of bounded memory
    draws           what resampling leaves: one row per resample, one column per model
    paired          models over the same items: bootstrap over items and seeds
    statistics/     how a task's figure follows from its items: mean, Spearman, average precision; one file each
    randomisation   the sign-flip test
    mcnemar         the exact test for right and wrong answers
    multiplicity    Holm's correction
    power           what so many items can show
    forgetting      backward transfer, worst task, retention
    ranking         Borda, Pareto front, ties
    gate_evidence   all models of a task resampled together, as the gate reads them
    gate            what a variant may lose, and whether it did

Formulas and sources: docs/statistics.md.
"""
