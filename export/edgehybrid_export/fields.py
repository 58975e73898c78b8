"""Config fields that a family did not ask for: do they change what the model computes?"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgehybrid_export.errors import CheckpointError

log = logging.getLogger("edgehybrid")

#: What concerns training, bookkeeping, or other people's kernels.
INERT = re.compile(
    r"_.*|architectures|auto_map|model_type|name|licen[cs]e|torch_dtype|dtype|is_.*|use_cache"
    r"|\w+_token_id|\w*dropout\w*|\w*init(ializer)?(_\w+)?|\w+_loss_coef\w*|\w*_version"
    r"|max_position_embeddings|max_window_layers|\w*chunk_size|\w*expand|num_logits_to_keep"
    r"|output_\w+|return_dict|rescale_prenorm_residual|residual_in_fp32|use_mamba_kernels"
    r"|use_mambapy|mamba_ssm_cache_dtype|time_step_(floor|min|max|rank|scale)|linear_dt_\w+"
    r"|linear_a_log_\w+|dt_(min|max|init\w*)|mtp_\w+|num_nextn_predict_layers|quantization_config"
    r"|tokenizer_class|task_specific_params|problem_type|id2label|label2id|gradient_\w+"
)
#: Names that speak of computation.
TELLING = re.compile(
    r"multiplier|scal|bias|norm|clamp|limit|cap|act|rope|rotary|window|gate|conv|expert|group|proj"
    r"|theta|eps|factor|position|tie|head|alibi|residual|mix|skip|sink"
)


def check_fields(path: Path, family: str, unread: Mapping[str, Any]) -> None:
    """Refuse fields of the config at `path` that nobody read and that could change the result.

    A field that is off (null, false, 0, empty) is passed over; one whose name says nothing of
    computation is told on the log.

    Raises:
        CheckpointError: a field of a telling name is set.
    """
    unknown = {n: v for n, v in unread.items() if v and not INERT.fullmatch(n)}
    for name, value in sorted(unknown.items()):
        if TELLING.search(name):
            raise CheckpointError(
                f"{path} has a field that exporting family {family!r} does not know: "
                f"{name} is {value!r:.80}; remove it if it does not change the computation"
            )
    if unknown:
        log.warning("%s: unknown fields were passed over: %s", path, ", ".join(sorted(unknown)))
