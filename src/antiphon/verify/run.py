"""The entry of verification: recognise the layout of a folder, run its stages, report."""

from pathlib import Path

import torch

from antiphon.errors import InputError
from antiphon.verify.inventory import LANGUAGE_MODEL, TOKEN2WAV
from antiphon.verify.language_model import check_language_model
from antiphon.verify.record import Record
from antiphon.verify.report import Report
from antiphon.verify.token2wav import check_token2wav
from antiphon.verify.tolerances import EXACT

DTYPES = ("float32", "float64", "bfloat16", "float16")


def verify(folder: Path | str, device: str = "cpu", dtype: str = "float32") -> Report:
    """Check every array of a folder of reference outputs.

    Raises InputError for a place that is no folder of either layout, a device that is not there, or another dtype.
    """
    folder = Path(folder)
    if dtype not in DTYPES:
        raise InputError(f"the dtype {dtype!r} was asked for; use one of {', '.join(DTYPES)}.")
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one that holds reference outputs.")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"the device {device!r} cannot be used here ({error}); use cpu.") from error
    EXACT.bound(dtype, 0.0)
    is_lm, is_voice = (folder / "config.json").exists(), (folder / "tiny_flow.yaml").exists()
    if is_lm == is_voice:
        raise InputError(
            f"{folder} is neither the language-model nor the token2wav layout; expected config.json or tiny_flow.yaml."
        )
    record = Record(folder, LANGUAGE_MODEL if is_lm else TOKEN2WAV, device, dtype)
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # references are full float32
    try:
        with torch.inference_mode():
            (check_language_model if is_lm else check_token2wav)(record)
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
    return record.report()
