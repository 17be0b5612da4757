"""The regression gate's verdict and outputs of `tcmbench check`, `compare` and `power`.

`tcmbench.comparison` compares and judges; this package reads the scores and reports the result to users and CI.

    state           a set with the items of its stored scores; nothing is trained or measured
    check           from a set's name to a report; the baseline's update
    verdict         the report of a check, with its exit code
    in_python       both commands as functions
    power           what the suite of a set can see: `tcmbench power`
    needed_texts    sentences on the best of several variants, planned looks, and data that would decide
    texts           sentences and figures common to the outputs
    sides           the two models of `tcmbench compare`
    compare_texts   their comparison as text and JSON
    outputs/        console, JSON, JUnit, SARIF, Markdown; one file per output

How to use it in CI: docs/ci.md.
"""
