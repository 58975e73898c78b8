"""Which tokens deserve the KV cache: one file a policy."""
