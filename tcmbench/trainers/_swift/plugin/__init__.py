"""Code that runs inside ms-swift's process, in a separate folder.

ms-swift puts the folder of a plug-in first on the import path, where `trainers/swift.py` would shadow ms-swift itself.
"""
