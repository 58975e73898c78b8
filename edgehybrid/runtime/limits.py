"""Sizes that several parts of the runtime agree on."""

#: Rows of which logits are computed together.
HEAD_ROWS = 16
