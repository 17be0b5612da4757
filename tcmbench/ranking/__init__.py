"""mteb's ranking metrics from arrays, with the scores of every query."""
