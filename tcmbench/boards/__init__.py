"""The leaderboard: from scores to one HTML file, CSV, JSON, LaTeX and Markdown.

`build` turns the comparison of a set (`tcmbench.comparison`) into a `table`, `render` writes the table. Nothing here
trains, evaluates or decides.
"""
