"""The results of a set over time: what each run came to, the paired change at each step, and what changed with it.

log        leaderboards/<set>/history.jsonl: one line per run and per check, append-only
states     the state of a set as a run logs it
earlier    the models of an earlier state with their items, from the store
commits    the commits between two states
steps      the change of a row from one state to the next, and its causes
green      the last state that passed the gate, as a baseline
texts      the history as text and as JSON
"""
