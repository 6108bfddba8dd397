"""The entry of verification: recognise the layout of a folder, run its stages, report."""

from pathlib import Path

import torch

from antiphon.errors import InputError
from antiphon.verify.inventory import LANGUAGE_MODEL, TOKEN2WAV, Line
from antiphon.verify.language_model import check_language_model
from antiphon.verify.record import Record
from antiphon.verify.report import Report
from antiphon.verify.token2wav import check_token2wav

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
    lines = _layout_of(folder)
    record = Record(folder, lines, device, dtype)
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # references are full float32
    try:
        with torch.inference_mode():
            (check_language_model if lines is LANGUAGE_MODEL else check_token2wav)(record)
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
    return record.report()


def _layout_of(folder: Path) -> tuple[Line, ...]:
    """The layout of which the folder holds more files, leaving out those that both have."""
    held = {path.name for path in folder.iterdir()}
    lm, voice = ({line.file for line in lines} for lines in (LANGUAGE_MODEL, TOKEN2WAV))
    num_lm, num_voice = len(held & (lm - voice)), len(held & (voice - lm))
    if num_lm == num_voice:
        raise InputError(f"{folder} is neither the language-model nor the token2wav layout; give a folder of either.")
    return LANGUAGE_MODEL if num_lm > num_voice else TOKEN2WAV
