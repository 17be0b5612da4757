"""From a cure of a set to its models: the inputs are looked up, and each outcome is stored under the key of all."""
