"""The regression gate's files and outputs: what `tcmbench check` and `tcmbench compare` do beyond arrays.

`tcmbench.stats.gate` decides on arrays; this package knows where they come from, what they may be held against, and
how a decision is told to people and to CI.

    state           the models of a set with the items of their stored scores; nothing is trained or measured
    baseline        leaderboards/<set>/baseline.json: scores of an earlier day, item by item, reviewable as a diff
    comparability   whether today's tasks are those of the baseline
    policy_file     the policy in TOML
    verdict         a model's verdict, its findings, and the exit code
    reference       each variant against the set's reference, as on the board
    regression      each model against its own row in the baseline
    sides, queries  two models, item by item
    outputs/        console, JSON, JUnit, SARIF, Markdown; one file an output

How to use it in CI: docs/ci.md.
"""
