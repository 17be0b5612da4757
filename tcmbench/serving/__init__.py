"""A model over HTTP: the vectors and scores of evaluation, in the forms that clients of other servers know.

`text` and pairs from concurrent requests share batches (`batching`), a dialect (`dialects`) turns a request into texts
and vectors into an answer, and `app` puts both behind an address.
"""
