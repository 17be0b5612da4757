"""Adapters of requests."""

from vllm_signatures import bind


class LoRARequest:
    """An adapter."""

    def __init__(self, *args, **kwargs):
        self.number = bind("LoRARequest", *args, **kwargs)["lora_int_id"]
