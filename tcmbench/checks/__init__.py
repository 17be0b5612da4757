"""The regression gate's verdict and outputs: what `tcmbench check` and `tcmbench compare` print and write.

`tcmbench.comparison` compares and judges; this package reads what is compared and reports the result to people and CI.

    state           a set with the items of its stored scores; nothing is trained or measured
    check           from a set's name to a report; the baseline's update
    verdict         the report of a check, with its exit code
    texts           sentences and figures that several outputs share
    sides           the two models of `tcmbench compare`
    compare_texts   their comparison as text and JSON
    outputs/        console, JSON, JUnit, SARIF, Markdown; one file per output

How to use it in CI: docs/ci.md.
"""
