"""Settings."""

from vllm_signatures import bind


class PoolerConfig:
    """How vectors are pooled."""

    def __init__(self, *args, **kwargs):
        self.pooling = bind("PoolerConfig", *args, **kwargs)

    def __repr__(self):
        return f"PoolerConfig({self.pooling})"
