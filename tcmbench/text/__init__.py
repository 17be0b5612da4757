"""How Chinese text is cut into terms; one place, so that miners and baselines count the same things."""
