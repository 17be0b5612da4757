"""What runs inside ms-swift's process, in a folder of its own.

ms-swift puts the folder of a plug-in first on the import path: beside our `swift.py` it would hide ms-swift itself.
"""
