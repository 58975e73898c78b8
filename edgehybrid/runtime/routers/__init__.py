"""Which tokens deserve the KV cache: one file a policy, and this registry.

The first tokens of a stream (*sinks*) and the last ones (*window*) are always kept. Of those that
left the window, each KV head keeps `budget`: those that a policy scores highest.

| name | keeps high | cost per token and head | paper |
|---|---|---|---|
| `learned` | s, which the model was trained with | in the layer's graph | README, design |
| `fitted` | w . [k, v], fitted to a bundle on one's own text | Dh + Dv | |
| `window` | the position: the last tokens | 0 | arXiv:2309.17453 |
| `keynorm` | -norm(k) | Dh | arXiv:2406.11430 |
| `keydiff` | -cos(k, mean of all k / norm(k)) | 2 Dh | arXiv:2504.15364 |
| `lagkv` | std((k - min) / (max - min)) within the window, and of v | window (Dh + Dv) | arXiv:2504.04704 |
| `expected` | log of norm(v) E[exp(scale q . k)], q normal | 2 Dh per query head | arXiv:2510.00636 |
| `h2o` | softmax received, summed over all queries | kept + budget | arXiv:2306.14048 |
| `tova` | softmax received from the last query | kept + budget | arXiv:2401.06104 |
| `random` | a hash of position and head: the floor | 1 | |

Only `learned` adds to the logits of far keys (log sigmoid(s), as in training). All others attend
to what they keep as the model would.

A policy runs outside any bundle, on arrays, token by token:

    from edgehybrid.runtime import routers
    from edgehybrid_kernels import load_kernels

    kernels = load_kernels()
    cache = routers.get("keydiff").alloc(Hk, Dh, sinks=4, window=16, budget=44)
    kernels.attention(q, k, v, None, cache, out, scale=Dh**-0.5)
    cache.position  # (Hk, S): which tokens are kept, -1 where a slot is empty

with q and out (T, Hq * Dh), k and v (T, Hk * Dh), float32; any number of calls, cut anywhere. The
fourth argument is (T, Hk) scores for `learned`, None for the others. `fitted` takes
`weights=` (Hk, Dh + Dv) when its cache is made; `budget` may be a sequence of Hk numbers.
"""  # noqa: E501

from __future__ import annotations

from edgehybrid.errors import RequestError
from edgehybrid.runtime.routers import (
    expected,
    fitted,
    h2o,
    keydiff,
    keynorm,
    lagkv,
    learned,
    random,
    tova,
    window,
)
from edgehybrid.runtime.routers.router import Asked, Router

_ALL = (
    *(learned.ROUTER, fitted.ROUTER, window.ROUTER, keynorm.ROUTER, keydiff.ROUTER),
    *(lagkv.ROUTER, expected.ROUTER, h2o.ROUTER, tova.ROUTER, random.ROUTER),
)
_BY_NAME = {router.name: router for router in _ALL}
#: All policies, in the order of the table.
NAMES = tuple(_BY_NAME)


def get(name: str) -> Router:
    """The policy of this name.

    Raises:
        RequestError: there is none.
    """
    if name not in _BY_NAME:
        raise RequestError(f"router {name!r} is not one of {', '.join(NAMES)}")
    return _BY_NAME[name]


__all__ = ["NAMES", "Asked", "Router", "get"]
