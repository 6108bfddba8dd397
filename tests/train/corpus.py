"""A tiny corpus for the tests of training: a few words, tones for sounds, a tokenizer and a model of few numbers."""

from pathlib import Path

import numpy as np

from antiphon.config import AdaptorConfig, DecoderConfig, EncoderConfig, ModelConfig, SpeechLMConfig
from antiphon.data.store import write_shard
from antiphon.text.prompts import PROMPTS
from antiphon.text.tokenizer import Tokenizer, train_bpe

CITIES = "london paris tokyo rome cairo berlin".split()
WORDS = [*"will it rain in yes no the capital of is".split(), *CITIES]
NUM_CODES = 27
TONE_S = 0.5


def tokenizer() -> Tokenizer:
    """Most words are one token."""
    prompts = [PROMPTS[n].system for n in ("transcribe", "speak", "talk_feelingly")]
    return train_bpe([f" {w} {w}" for w in WORDS] * 50 + prompts * 50, 420, num_codes=NUM_CODES)


def config(vocab_size: int) -> ModelConfig:
    """A speech LM that trains in seconds."""
    return ModelConfig(
        name="tiny",
        variant="nano",
        dtype="float32",
        lm=SpeechLMConfig(
            encoder=EncoderConfig(width=16, num_heads=2, num_layers=1, max_frames=200),
            adaptor=AdaptorConfig(hidden=16),
            decoder=DecoderConfig(
                width=32, hidden=48, num_heads=4, num_kv_heads=2, num_layers=2, vocab_size=vocab_size, max_positions=512
            ),
        ),
        voice=None,
    )


def write_sounds(folder: Path) -> None:
    """A shard at 16 kHz and one at 24 kHz: for each city a tone of its own."""
    for name, rate in (("heard", 16_000), ("target", 24_000)):
        time = np.arange(int(TONE_S * rate)) / rate
        tones = [0.3 * np.sin(2 * np.pi * (300 + 250 * n) * time).astype(np.float32) for n in range(len(CITIES))]
        rows = [{"text": city, "voice": "tone"} for city in CITIES]
        write_shard(folder / name, 0, zip(rows, tones, strict=True), rate)
