"""Verification: the golden folders pass, other sizes pass, and every change of what is stored is noticed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.config import (
    AdaptorConfig,
    ConformerConfig,
    DecoderConfig,
    DiTConfig,
    EncoderConfig,
    FlowConfig,
    HiFTConfig,
    SpeechLMConfig,
    SpeechTokenizerConfig,
)
from antiphon.errors import InputError
from antiphon.verify import Report, verify
from antiphon.verify.inventory import COMPARED, LANGUAGE_MODEL, TOKEN2WAV, find_line
from antiphon.verify.language_model import check_language_model
from antiphon.verify.record import Record
from antiphon.verify.token2wav import check_token2wav
from antiphon.verify.tolerances import TOLERANCES
from tests.verify import folders


def failures(report: Report) -> str:
    return "\n".join(row.line(60) for row in report.rows if not row.passed)


def test_the_golden_language_model(golden_lm: Path) -> None:
    report = verify(golden_lm)
    assert report.passed, failures(report)
    assert report.summary == "190 compared, 102 inputs, 62 informative, 0 failed"
    assert report.table().splitlines()[-1] == report.summary


def test_the_golden_voice(golden_voice: Path) -> None:
    report = verify(golden_voice)
    assert report.passed, failures(report)
    assert report.summary == "111 compared, 29 inputs, 2 informative, 0 failed"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_dtypes(golden_lm: Path, golden_voice: Path, dtype: str) -> None:
    for folder in (golden_lm, golden_voice) if dtype == "bfloat16" else (golden_lm,):
        report = verify(folder, dtype=dtype)
        assert report.passed, failures(report)


LMS = {
    "narrow": SpeechLMConfig(
        encoder=EncoderConfig(width=48, num_heads=3, num_layers=1),
        adaptor=AdaptorConfig(hidden=2048),
        decoder=DecoderConfig(width=96, hidden=160, num_heads=6, num_kv_heads=3, num_layers=3, rope_theta=1e4),
    ),
    "tied": SpeechLMConfig(
        encoder=EncoderConfig(width=16, num_heads=4, num_layers=3, max_frames=300),
        adaptor=AdaptorConfig(hidden=2048),
        decoder=DecoderConfig(width=32, hidden=48, num_heads=2, num_kv_heads=1, num_layers=1, tie_embeddings=True),
    ),
}


@pytest.mark.parametrize(("name", "shift", "seconds"), [("narrow", 24, 0.61), ("tied", 0, 0.55)])
def test_language_models_of_other_sizes(golden_lm: Path, tmp_path: Path, name: str, shift: int, seconds: float) -> None:
    folder = folders.make_lm(golden_lm, tmp_path / name, LMS[name], shift=shift, seconds=seconds)
    report = verify(folder)
    assert report.passed, failures(report)
    ids = json.loads((folder / "tiny_ids.json").read_text())
    (folder / "tiny_ids.json").write_text(json.dumps(ids | {"audio_patch": ids["audio_patch"] + 1}))
    assert not verify(folder).passed


def test_recordings_are_told_by_their_rows(golden_lm: Path, tmp_path: Path) -> None:
    """A prompt under a name that nobody knows is still checked, as long as its places fit one recording each."""
    folder = tmp_path / "copy"
    shutil.copytree(golden_lm, folder)
    with np.load(folder / "model_io.npz") as stored:
        renamed = {key.replace("two_audio", "other"): stored[key] for key in stored.files}
    np.savez(folder / "model_io.npz", **renamed)
    report = verify(folder)
    assert report.passed, failures(report)
    assert any(row.array == "model_io.npz:other/inputs_embeds" for row in report.rows)


def test_a_voice_of_another_size(golden_voice: Path, tmp_path: Path) -> None:
    conformer = ConformerConfig(width=48, num_heads=3, hidden=40, num_layers=1, num_up_layers=3)
    dit = DiTConfig(width=32, num_heads=2, head_dim=24, depth=3, mlp_ratio=2.0)
    folder = folders.make_voice(
        golden_voice,
        tmp_path / "voice",
        SpeechTokenizerConfig(width=64, num_heads=1, num_layers=1),
        FlowConfig(input_size=48, conformer=conformer, dit=dit),
        HiFTConfig(channels=16, f0_width=12),
        num_codes=57,
    )
    report = verify(folder)
    assert report.passed, failures(report)
    assert len({row.array for row in report.rows if "stream" in row.array and "pcm16" in row.array}) == 3


# --- whatever is changed is noticed ----------------------------------------------------------------------------------


def tampered(folder: Path, layout: str, kinds: str) -> tuple[Report, set[str]]:
    """Change the last entry of every compared array of the given kinds, in memory; what must fail comes with it."""
    lines = LANGUAGE_MODEL if layout == "lm" else TOKEN2WAV
    record = Record(folder, lines, "cpu", "float32")
    changed = set()
    for (file, key), value in record.arrays.items():
        line = find_line(lines, file, key)
        if line is None or line.role != COMPARED or not file.endswith(".npz") or value.dtype.kind not in kinds:
            continue
        bent = value.copy()
        bound = TOLERANCES[line.tolerance].absolute
        size = 3 + 4 * (len(changed) % 5)  # of different sizes, so that neighbours do not cancel
        bent.reshape(-1)[-1] += 1 if value.dtype.kind in "iu" and bound < 1 else size * (bound + 1e-6)
        record.arrays[file, key] = bent
        changed.add(f"{file}:{key}")
    with torch.inference_mode():
        (check_language_model if layout == "lm" else check_token2wav)(record)
    return record.report(), changed


@pytest.mark.parametrize("layout", ["lm", "voice"])
@pytest.mark.parametrize("kinds", ["f", "iu"])
def test_a_changed_last_entry_is_noticed_in_every_array(
    golden_lm: Path, golden_voice: Path, layout: str, kinds: str
) -> None:
    report, changed = tampered(golden_lm if layout == "lm" else golden_voice, layout, kinds)
    failed = {row.array for row in report.rows if not row.passed}
    # A batch's padding says nothing, so a change there changes nothing.
    silent = {name for name in changed if "batch_right" in name or name.endswith("batch2_code")}
    assert changed - failed <= silent, sorted(changed - failed - silent)


def drop_array(folder: Path) -> None:
    with np.load(folder / "encoder.npz") as stored:
        arrays = {key: stored[key] for key in stored.files if key != "sine/adaptor_out"}
    np.savez(folder / "encoder.npz", **arrays)


def add_array(folder: Path) -> None:
    with np.load(folder / "mel.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez(folder / "mel.npz", **arrays, surprise=np.zeros(3))


def change_text(folder: Path) -> None:
    file = folder / "prompts.json"
    file.write_text(file.read_text().replace("<audio_patch>*25", "<audio_patch>*26"))


def pickled(folder: Path) -> None:
    np.savez(folder / "waves.npz", sine=np.array([{"a": 1}], dtype=object))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (drop_array, "encoder.npz:sine"),
        (add_array, "mel.npz:surprise"),
        (change_text, "prompts.json:hf_chat/asr/pieces"),
        (pickled, "waves.npz"),
        (lambda f: (f / "ta4.json").unlink(), "ta4.json"),
        (lambda f: (f / "resample.npz").unlink(), "resample.npz"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
        (lambda f: (f / "config.json").unlink(), "config.json"),
        (lambda f: (f / "more.npz").write_bytes(b"not a zip"), "more.npz"),
        (lambda f: (f / "mel.npz").write_bytes(b"not a zip"), "mel.npz"),
        (lambda f: (f / "toolcalls.json").write_text("{"), "toolcalls.json"),
    ],
)
def test_folders_that_are_not_whole_fail_by_name(
    golden_lm: Path, tmp_path: Path, change: Callable[[Path], None], named: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(golden_lm, folder)
    (folder / "README.md").unlink(missing_ok=True)  # nobody reads it
    change(folder)
    report = verify(folder)
    assert any(not row.passed and row.array.startswith(named) for row in report.rows), failures(report)
    assert not report.summary.endswith(" 0 failed")


def test_every_file_is_needed(golden_voice: Path, tmp_path: Path) -> None:
    for absent in ("flow_noise.npz", "tiny_s3tokenizer_v2_names.onnx"):
        folder = tmp_path / absent
        shutil.copytree(golden_voice, folder)
        (folder / absent).unlink()
        report = verify(folder)
        assert any(row.array == absent and not row.passed for row in report.rows)


def test_what_cannot_be_verified_is_one_sentence(tmp_path: Path, golden_lm: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        verify(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        verify(tmp_path / "absent")
    with pytest.raises(InputError, match="dtype"):
        verify(golden_lm, dtype="int8")
    with pytest.raises(InputError, match="device"):
        verify(golden_lm, device="nowhere")
