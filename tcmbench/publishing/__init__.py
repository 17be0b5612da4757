"""Results and models for others: a folder for a model hub with its card, and results for other tools.

tuned          one tuned model of a set with its scores
licences       licences of base and training data
usage          how a model is loaded
model_index    scores as the hub's metadata
card           README.md and the folder of a model
exports/       a board in other formats and trackers
"""
