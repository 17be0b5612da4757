"""Public data sets: from their sources to the layout of the data root."""
