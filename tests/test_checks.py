"""The tests listen: shapes and types that the code announces are checked while they run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from antiphon.audio.mel import log_mel
from antiphon.config import AdaptorConfig
from antiphon.model.adaptor import Adaptor


def test_a_wrong_shape_or_dtype_is_caught() -> None:
    with pytest.raises(TypeCheckError):
        log_mel(torch.zeros(1600, dtype=torch.int64))
    with pytest.raises(TypeCheckError):
        Adaptor(AdaptorConfig(hidden=4), 4, 4)(torch.zeros(5, 4))


def test_results_do_not_depend_on_threads() -> None:
    assert torch.get_num_threads() == 1
