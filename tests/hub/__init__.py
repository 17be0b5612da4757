"""A stand-in for the Hugging Face hub, and repositories in the layouts of its data sets."""
