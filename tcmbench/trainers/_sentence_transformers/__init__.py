"""Training through sentence-transformers: its losses and options, and the process that trains."""
