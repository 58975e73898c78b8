"""Tokens that stand out of those that follow stay (LagKV, arXiv:2504.04704).

Of each channel, min and max are taken over the tokens of the window, all of which came later; the
score is the standard deviation over channels of (k - min) / (max - min), plus that of the value.
A channel without spread counts as 0, so a window needs three tokens before scores differ.

The paper cuts the sequence into partitions, compares each with the next one, and passes scores
through a softmax within the partition. Here each token has the window that follows it as its
partition, and no softmax, since scores of tokens that left at other times are compared.

Rotated keys are compared as they are, as in the paper: neighbours are turned alike.
"""

from __future__ import annotations

from edgehybrid.runtime.routers.router import scored_by

ROUTER = scored_by("lagkv")
