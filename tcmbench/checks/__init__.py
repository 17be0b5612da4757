"""The regression gate's files and outputs: what `tcmbench check` and `tcmbench compare` do beyond the comparison.

`tcmbench.comparison` compares; this package reads what the store has, and reports the decision to people and to CI.

    state           a set with the items of its stored scores; nothing is trained or measured
    check           a set's name to a report, and the update of its baseline
    verdict         a report: verdicts of the models, both questions, and the exit code
    sides           the two sides of `tcmbench compare`
    outputs/        console, JSON, JUnit, SARIF, Markdown; one file per output

How to use it in CI: docs/ci.md.
"""
