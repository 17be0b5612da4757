"""The leaderboard: from scores to one HTML file, CSV, JSON, LaTeX and Markdown.

`build` turns what `tcmbench.comparison` says of a set into a `table`, `render` writes the table down. Nothing here
trains, evaluates or decides.
"""
