"""Folders of reference outputs at other sizes, made by running our own model over a golden folder's inputs.

A `Maker` is a record that keeps what it is given instead of comparing it: each stage reads what the one before it left.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from antiphon.audio.mel import log_mel
from antiphon.audio.wave import Audio
from antiphon.config import FlowConfig, HiFTConfig, ModelConfig, SpeechLMConfig, SpeechTokenizerConfig
from antiphon.model.flow import Flow
from antiphon.model.hift import HiFT
from antiphon.model.speech_lm import SpeechLM
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.rates import mel_frames, num_rows
from antiphon.verify.inventory import LANGUAGE_MODEL, TOKEN2WAV
from antiphon.verify.language_model import CLIPS, check_language_model
from antiphon.verify.record import Record
from antiphon.verify.token2wav import check_token2wav
from antiphon.verify.voice_parts import formula_mel
from antiphon.weights.flow_yaml import write_flow_yaml
from antiphon.weights.hf_config import to_hf
from antiphon.weights.onnx_tokenizer import write_onnx_tokenizer
from tests import random_folder


class Maker(Record):
    """Keeps results as the folder's arrays."""

    def compare(self, file: str, key: str, got: Any, where: Tensor | None = None) -> None:
        have = got.detach().numpy() if isinstance(got, Tensor) else np.asarray(got)
        self.arrays[file, key] = np.array(have, dtype=self.arrays[file, key].dtype)

    def judge(self, file: str, key: str, difference: float, peak: float = 0.0) -> None:
        """What only judges is set by hand below."""

    def same(self, file: str, key: str, got: Any) -> None:
        """Texts are not touched."""

    def write(self) -> None:
        for file in {file for file, _ in self.arrays if file.endswith(".npz")}:
            np.savez(self.folder / file, **{key: array for (name, key), array in self.arrays.items() if name == file})


def copy(golden: Path, folder: Path, *but: str) -> None:
    folder.mkdir()
    for path in golden.iterdir():
        if path.name not in ("README.md", *but):
            shutil.copyfile(path, folder / path.name)


# --- language model --------------------------------------------------------------------------------------------------


def make_lm(golden: Path, folder: Path, config: SpeechLMConfig, *, shift: int, seconds: float) -> Path:
    """Another model, other ids (each control token `shift` higher), shorter recordings."""
    copy(golden, folder)
    ids = json.loads((golden / "tiny_ids.json").read_text())
    fixed = ("seed", "rule", "tiny_id_offset")
    ids = {key: value if key in fixed else value + shift for key, value in ids.items()}
    (folder / "tiny_ids.json").write_text(json.dumps(ids))
    ta4 = json.loads((golden / "ta4.json").read_text())
    (folder / "ta4.json").write_text(json.dumps(_shifted(ta4, shift)))
    config = replace(config, decoder=replace(config.decoder, vocab_size=ids["vocab_size"]))
    (folder / "config.json").write_text(json.dumps(to_hf(ModelConfig(lm=config, dtype="float32", voice=None))))
    lm = SpeechLM(config).eval()
    lm.load_state_dict(random_folder.random_state(lm, 7))
    save_file(lm.state_dict(), folder / "model.safetensors")
    (folder / "key_shapes.json").write_text(json.dumps({n: list(t.shape) for n, t in lm.state_dict().items()}))
    maker = Maker(folder, LANGUAGE_MODEL, "cpu", "float32")
    lengths = _cut(maker, seconds)
    for case, clips in CLIPS.items():
        _prompts(maker, case, [lengths[clip] for clip in clips], ids)
    with torch.inference_mode():
        check_language_model(maker)
        for case in CLIPS:
            for kind in ("greedy", "greedy_no_audio"):
                if maker.keys("model_io.npz", f"{case}/{kind}"):
                    maker.arrays["model_io.npz", f"{case}/{kind}"] = _greedy(maker, lm, case, kind)
        check_language_model(maker)
    maker.write()
    return folder


def _shifted(value: Any, shift: int) -> Any:
    """Ids from the first control token on, moved; words stay."""
    if isinstance(value, dict):
        return {key: value[key] if key in ("hf_audio", "note") else _shifted(value[key], shift) for key in value}
    if isinstance(value, list):
        return [_shifted(item, shift) for item in value]
    return value + shift if type(value) is int and value >= 443 else value


def _cut(maker: Maker, seconds: float) -> dict[str, int]:
    """Shorten every recording; their log-mels follow by the stages. Gives the length of each."""
    size, lengths = int(seconds * 16000), {}
    for key in maker.keys("waves.npz"):
        wave = maker.arrays["waves.npz", key][: size + 37 * len(lengths)]
        maker.arrays["waves.npz", key] = wave
        lengths[key.removesuffix("_i16")] = len(wave)
    real = torch.from_numpy(maker.arrays["waves.npz", "real_i16"]).float()[None] / 32768
    Audio(real, 16000).write(maker.folder / "clip_real_16k.wav")
    for name, num in lengths.items():
        maker.arrays["mel.npz", f"mel_{name}"] = np.zeros((128, mel_frames(num)), np.float32)
    return lengths


def _prompts(maker: Maker, case: str, lengths: list[int], ids: dict[str, int]) -> None:
    """A prompt of random words around the rows of each recording; batches are padded as their name says."""
    draw = np.random.default_rng(len(case))

    def prompt(nums: list[int]) -> list[int]:
        row = [ids["bot_assumed"], *draw.integers(0, 400, 4).tolist()]
        for num in nums:
            row += [ids["audio_start"], *[ids["audio_patch"]] * num_rows(num), ids["audio_end"], 7]
        return [*row, ids["eot"], ids["bot_assumed"], 3]

    rows = [prompt([num]) for num in lengths] if case.startswith("batch") else [prompt(lengths)]
    longest = max(len(row) for row in rows)
    gaps = [longest - len(row) for row in rows]
    left = case.endswith("left")
    pad = ids["endoftext_pad"]
    padded = [[pad] * gap + row if left else row + [pad] * gap for gap, row in zip(gaps, rows, strict=True)]
    maker.arrays["model_io.npz", f"{case}/input_ids"] = np.array(padded, np.int64)
    if maker.keys("model_io.npz", f"{case}/attention_mask"):
        pairs = list(zip(gaps, rows, strict=True))
        masks = [[0] * gap + [1] * len(row) if left else [1] * len(row) + [0] * gap for gap, row in pairs]
        maker.arrays["model_io.npz", f"{case}/attention_mask"] = np.array(masks, np.int64)


def _greedy(maker: Maker, lm: SpeechLM, case: str, kind: str) -> np.ndarray:
    """The best tokens, without a cache."""
    ids = maker.tensor("model_io.npz", f"{case}/input_ids")
    embeds = maker.tensor("model_io.npz", f"{case}/inputs_embeds") if kind == "greedy" else lm.model.embed_tokens(ids)
    masked = bool(maker.keys("model_io.npz", f"{case}/attention_mask"))
    mask = maker.tensor("model_io.npz", f"{case}/attention_mask").bool() if masked else torch.ones_like(ids).bool()
    num, rows = maker.arrays["model_io.npz", f"{case}/{kind}"].shape[1], []
    for row, real in zip(embeds, mask, strict=True):
        x, tokens = row[real][None], []
        for _ in range(num):
            tokens.append(int(lm(x)[0][0, -1].argmax()))
            x = torch.cat([x, lm.model.embed_tokens(torch.tensor([[tokens[-1]]]))], dim=1)
        rows.append(tokens)
    return np.array(rows, np.int64)


# --- token2wav -------------------------------------------------------------------------------------------------------


def make_voice(
    golden: Path, folder: Path, tokenizer: SpeechTokenizerConfig, flow: FlowConfig, hift: HiFTConfig, *, num_codes: int
) -> Path:
    """Another voice, streaming `num_codes` codes in chunks of another size."""
    copy(golden, folder, "tiny_s3tokenizer_v2_names.expected.tsv")
    (folder / "tiny_flow.yaml").write_text(write_flow_yaml(flow))
    modules = {"tiny_flow": Flow(flow), "tiny_hift": HiFT(hift), "tiny_s3tokenizer": SpeechTokenizer(tokenizer)}
    for seed, (name, module) in enumerate(modules.items()):
        weights = random_folder.random_state(module, seed)
        if name == "tiny_hift":
            weights["f0_predictor.classifier.bias"] += 140.0  # a voice, so that the source sings
        module.load_state_dict(weights)
        prefix = "generator." if name == "tiny_hift" else ""
        save_file({prefix + key: tensor for key, tensor in weights.items()}, folder / f"{name}.safetensors")
    export = random_folder.random_state(SpeechTokenizer(tokenizer), 9)
    write_onnx_tokenizer(export, folder / "tiny_s3tokenizer_v2_names.onnx")
    rows = ["key\tshape\tsum_float64\tfirst\tlast"]
    for name, tensor in export.items():
        ends = (float(tensor.double().sum()), float(tensor.flatten()[0]), float(tensor.flatten()[-1]))
        rows.append("\t".join([name, str(list(tensor.shape)), *(f"{end:.12g}" for end in ends)]))
    (folder / "tiny_s3tokenizer_v2_names.expected.tsv").write_text("\n".join(rows) + "\n")
    maker = Maker(folder, TOKEN2WAV, "cpu", "float32")
    _plan(maker, num_codes)
    book = {"code": modules["tiny_s3tokenizer"], "onnx_model_code": SpeechTokenizer(tokenizer)}
    book["onnx_model_code"].load_state_dict(export)
    with torch.inference_mode():
        _all_codes(maker, book)  # type: ignore[arg-type]
        for _ in range(2):  # the second time every plan is read off shapes that the first has left
            check_token2wav(maker)
    maker.write()
    index: dict[str, dict[str, list[Any]]] = {}
    for (file, key), array in maker.arrays.items():
        if file.endswith(".npz"):
            index.setdefault(file.removesuffix(".npz"), {})[key] = [list(array.shape), str(array.dtype)]
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def _plan(maker: Maker, num_codes: int) -> None:
    """Fewer codes in three chunks of other sizes, the last with what is left."""
    maker.arrays["token2wav.npz", "tokens"] = maker.arrays["token2wav.npz", "tokens"][:num_codes]
    for key in maker.keys("s3tokenizer.npz", r"long_5\d+_\w+"):  # one clip beyond 30 s is enough
        del maker.arrays["s3tokenizer.npz", key]
    for key in maker.keys("token2wav.npz", r"stream\d+_(mel|pcm16)"):
        del maker.arrays["token2wav.npz", key]
    for index, codes in enumerate((12, 20, num_codes - 32)):
        maker.arrays["token2wav.npz", f"stream{index}_mel"] = np.zeros((1, 80, 2 * codes), np.float32)
        maker.arrays["token2wav.npz", f"stream{index}_pcm16"] = np.zeros(1, np.int16)


def _all_codes(maker: Maker, tokenizers: dict[str, SpeechTokenizer]) -> None:
    """Codes are judged by distance, not stored, so they are set here."""
    mel, name = maker.tensor("s3tokenizer.npz", "mel"), "s3tokenizer.npz"
    for key, tokenizer in tokenizers.items():
        maker.arrays[name, key] = tokenizer(mel)[0].numpy()
    tokenizer, lengths = tokenizers["code"], maker.tensor(name, "batch2_len")
    kept = torch.arange(mel.shape[-1]) < lengths[:, None, None]
    maker.arrays[name, "batch2_code"] = tokenizer(mel * kept, lengths)[0].numpy()
    for key in maker.keys(name, r"long_\d+_code"):
        long = formula_mel(int(key.split("_")[1]), tokenizer.config.num_mels)
        maker.arrays[name, key] = tokenizer.encode(long, released=True).numpy()
    clip = Audio.read(maker.folder / "prompt_24k.wav").heard
    maker.arrays["token2wav.npz", "prompt_tokens"] = tokenizer.encode(log_mel(clip, pad=0)[None]).numpy()
