"""`step.onnx`: a whole model as one graph of stock operators, states going in and coming out.

It is what runs where there is no Python: in a browser, in Node, in an app on a phone. Its large
weights are those of the segments, in weights.bin; all that only it needs is inside it.

    tokens (T,) int32, T >= 1, and past_NAME of each state -> present_NAME, and
        vectors (n, V + C), of a reader: of the n sentences that end in these tokens
        logits (vocab,), of a language model: of what comes after the last token
        router_score.i (T, KV heads), where layer i has a router

All states are zeros at the beginning; present_NAME is past_NAME of the next call. T may differ from
call to call and changes nothing. The scores of a reader's sentences come at the end of a document,
of head.onnx.
"""

from edgehybrid_export.portable.step import step_graph

__all__ = ["step_graph"]
