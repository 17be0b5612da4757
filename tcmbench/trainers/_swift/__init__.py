"""Training through ms-swift: its losses and options, its command line, its plug-in, and the model it leaves."""
