"""The search for a recipe: trials of a space, selection on one half of the items, confirmation on the other."""
