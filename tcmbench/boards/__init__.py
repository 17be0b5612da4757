"""The leaderboard: from scores to one HTML file, CSV, JSON, LaTeX and Markdown.

`entry` says what comes in, `build` turns it into a `table`, `render` writes the table down. Nothing here trains or
evaluates, and every statistic comes from `tcmbench.stats`.
"""
