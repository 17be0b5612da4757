"""A form: a model as it would be deployed, with fewer bytes per document, fewer bytes of weights, or in less time.

`vectors.py` is the form `vectors`. A form is made like a cure (`tcmbench/cures`) from one model, which may be a base:
`settings` returns the fields of the base's file that the made folder is loaded with, and `make` writes that folder. Its
row is compared with the model that it is a form of.
"""

from __future__ import annotations

from typing import Protocol

from tcmbench.cures import CureMethod


class FormMethod(CureMethod, Protocol):
    """Interface of a module of this folder: that of a cure, with one model as input."""
