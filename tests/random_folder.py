"""Folders of random weights in the released layout, at any size, for tests that need a whole model on disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from antiphon.config import (
    ConformerConfig,
    DecoderConfig,
    DiTConfig,
    EncoderConfig,
    FlowConfig,
    HiFTConfig,
    ModelConfig,
    SpeechLMConfig,
    SpeechTokenizerConfig,
    VoiceConfig,
)
from antiphon.model.flow import Flow
from antiphon.model.hift import HiFT
from antiphon.model.speech_lm import SpeechLM
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.text.tokenizer import Tokenizer, train_bpe
from antiphon.weights.flow_yaml import write_flow_yaml
from antiphon.weights.hf_config import to_hf
from antiphon.weights.onnx_tokenizer import write_onnx_tokenizer
from antiphon.weights.save import write_shards
from antiphon.weights.tensors import in_memory

WORDS = "the quick brown fox hears a question and answers it aloud, then it hears another one. "
NUM_CODES = 3**8
FREE_ROWS = 7  # rows of the vocabulary without a token, as the released one has 462


def tokenizer() -> Tokenizer:
    """A byte-level BPE with the released control tokens and every speech code."""
    return train_bpe([WORDS] * 20, 300, num_codes=NUM_CODES)


def config(scale: int = 8, layers: int = 2, *, speaks: bool = True, dtype: str = "float32") -> ModelConfig:
    """The mini at 1/`scale` of its width with `layers` layers in every stack (few, for speed)."""
    base, ids = ModelConfig(), tokenizer()
    head_dim = 128 // min(scale, 4)
    heads = 3584 // scale // head_dim
    decoder = DecoderConfig(
        width=heads * head_dim,
        hidden=18944 // scale,
        num_heads=heads,
        num_kv_heads=next(n for n in (4, 2, 1) if heads % n == 0),
        num_layers=layers,
        vocab_size=ids.num_ids + FREE_ROWS,
        eos_id=ids.id_of("<|endoftext|>"),
        pad_id=ids.id_of("<|endoftext|>"),
    )
    encoder = EncoderConfig(width=1280 // scale, num_heads=max(20 // scale, 1), num_layers=layers)
    speech_tokenizer = SpeechTokenizerConfig(width=max(1280 // scale // 64, 1) * 64, num_layers=layers)
    speech_tokenizer = replace(speech_tokenizer, num_heads=speech_tokenizer.width // 64)
    width = 512 // scale
    conformer = ConformerConfig(
        width=width, num_heads=8 // min(scale, 4), hidden=2048 // scale, num_layers=layers, num_up_layers=layers
    )
    dit = DiTConfig(width=width, num_heads=8 // min(scale, 4), head_dim=64 // min(scale, 4), depth=layers)
    flow = FlowConfig(input_size=width, conformer=conformer, dit=dit)
    hift = HiFTConfig(channels=512 // scale, f0_width=512 // scale)
    voice = VoiceConfig(tokenizer=speech_tokenizer, flow=flow, hift=hift) if speaks else None
    return replace(
        base, dtype=dtype, lm=SpeechLMConfig(encoder=encoder, adaptor=base.lm.adaptor, decoder=decoder), voice=voice
    )


def random_state(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights that keep activations of order one: matrices of 1/sqrt(inputs), gains near one."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(name: str, like: Tensor) -> Tensor:
        noise = torch.randn(like.shape, generator=generator)
        if name.endswith(("original0", "alpha")) or (like.dim() == 1 and name.endswith("weight")):
            return 1 + 0.1 * noise  # gains: of norms, of weight-normalised directions, of snakes
        fan_in = like[0].numel() if like.dim() > 1 else 100
        return noise * fan_in**-0.5

    return {name: drawn(name, tensor) for name, tensor in module.state_dict().items()}


def make(folder: Path, model: ModelConfig, *, seed: int = 0, shard: int = 1 << 20) -> Path:
    """Write a random model of these sizes to the new folder `folder`."""
    folder.mkdir(parents=True)
    tokenizer().save(folder)
    (folder / "config.json").write_text(json.dumps(to_hf(model), indent=2))
    stored = getattr(torch, model.dtype)
    lm = {name: t.to(stored) for name, t in random_state(SpeechLM(model.lm), seed).items()}
    write_shards(in_memory("random", lm), folder, "model", shard=shard)
    if model.voice is not None:
        make_voice(folder / "token2wav", model.voice, seed=seed + 1)
    return folder


def make_voice(home: Path, voice: VoiceConfig, *, seed: int = 0) -> None:
    """Write the token2wav part."""
    home.mkdir()
    (home / "flow.yaml").write_text(write_flow_yaml(voice.flow))
    torch.save(random_state(Flow(voice.flow), seed), home / "flow.pt")
    torch.save(random_state(HiFT(voice.hift), seed + 1), home / "hift.pt")
    write_onnx_tokenizer(
        random_state(SpeechTokenizer(voice.tokenizer), seed + 2), home / "speech_tokenizer_v2_25hz.onnx"
    )
    make_speaker(home / "campplus.onnx", voice.flow.speaker_dim, seed=seed + 3)


def make_speaker(file: Path, dim: int = 192, *, seed: int = 0) -> None:
    """A graph with the input and output of the speaker net: mean over time of squares, times a matrix."""
    matrix = np.random.default_rng(seed).standard_normal((80, dim)).astype(np.float32)
    nodes = [
        helper.make_node("Mul", ["input", "input"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["output"]),
    ]
    ends = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["b", "t", 80])]
    outs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["b", dim])]
    graph = helper.make_graph(nodes, "speaker", ends, outs, [numpy_helper.from_array(matrix, "matrix")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(file))
