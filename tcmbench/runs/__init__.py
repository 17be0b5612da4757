"""A model set to entries: what is missing is trained and measured, what the store holds is gathered."""
