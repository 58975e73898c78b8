"""Sizes that several parts of the runtime agree on."""

#: Rows of which logits are computed together.
HEAD_ROWS = 16
#: Tokens for which memory, not arithmetic, takes the time (see edgehybrid_kernels.dense.linear).
FEW = 4
