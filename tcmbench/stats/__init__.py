"""Gain and forgetting as numbers that hold: paired, with intervals, corrected for how many were looked at.

Everything here takes arrays and gives figures; files, boards and exit codes are other packages' business. What is
given in points (0–100) comes back in points: nothing is rescaled except where a `scale` is asked for.

    inputs          arrays that are checked: a missing score is an error, never a zero
    estimates       Interval and Estimate; percentile intervals and their Monte-Carlo error
    resampling      whole clusters drawn with replacement, in blocks of bounded memory
    draws           what resampling leaves: one row a resample, one column a model
    paired          means of models over the same items: bootstrap over items and seeds, comparisons
    weighted        other statistics of items: Spearman, average precision, macro-F1, V-measure
    randomisation   the sign-flip test
    mcnemar         the exact test for right and wrong answers
    multiplicity    Holm and Benjamini–Hochberg
    effect, power   how large a difference is, and which differences so many items can show
    forgetting      gain, backward transfer, retention
    ranking         Borda, Pareto front, ties
    policy, gate    what a variant may lose, and whether it did

Formulas and sources: docs/statistics.md.
"""
