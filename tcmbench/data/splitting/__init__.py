"""Splitting data into train, dev and test, so that no query, or no patient, is in two of them."""
