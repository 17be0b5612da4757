"""Queries written by a chat model: training pairs from documents, and other forms of a task's queries."""
