"""A form: a model as it would be deployed, with fewer bytes per document, fewer bytes of weights, or in less time.

`vectors.py` is the form `vectors`. A form is made like a cure (`tcmbench/cures`), whose interface it has, from one
model, which may be a base: `settings` returns the fields of the base's file that the made folder is loaded with, and
`make` writes that folder. Its row is compared with the model that it is a form of.
"""

from __future__ import annotations

from tcmbench.cures import CureMethod as FormMethod

__all__ = ["FormMethod"]
