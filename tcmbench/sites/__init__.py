"""A site: all boards of a folder on one page, with their answers, to be opened from disk or published as it is.

It reads what stands beside each board (`scores.json`), so a site needs neither store nor data. Nothing here computes a
figure.
"""
