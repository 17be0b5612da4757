"""Training through ms-swift: losses and options, command line, ms-swift plug-in, and writing the model."""
