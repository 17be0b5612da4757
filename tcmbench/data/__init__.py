"""Data in and out: clinical records, the knowledge base, training files, and what leaks between them."""
