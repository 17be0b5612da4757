"""The version of tcmbench, where every file can read it without importing the package's interface."""

__version__ = "0.1.0"
