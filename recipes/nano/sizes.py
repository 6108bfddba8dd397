"""The sizes of nano, in one place; `config()` becomes the preset's `nano.json`."""

from antiphon.config import (
    AdaptorConfig,
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

TEXT_VOCABULARY = 1280  # byte-level BPE; most words of nano's world are one token
ENCODER = EncoderConfig(width=192, num_heads=4, num_layers=4)
ADAPTOR = AdaptorConfig(hidden=512)
TOKENIZER = SpeechTokenizerConfig(width=192, num_heads=3, num_layers=3, memory=5, levels=(3,) * 6, window=2)
FLOW = FlowConfig(
    num_codes=TOKENIZER.num_codes,
    input_size=192,
    num_steps=2,
    guidance=0.0,
    conformer=ConformerConfig(width=192, num_heads=3, hidden=512, num_layers=2, num_up_layers=1),
    dit=DiTConfig(width=192, num_heads=3, depth=5),
)
HIFT = HiFTConfig(
    channels=384,
    up_rates=(2,),
    up_kernels=(4,),
    istft_size=960,
    istft_hop=240,
    kernels=(3, 7),
    source_kernels=(3,),
    f0_width=128,
    phase="angle",
)


def decoder(vocab_size: int) -> DecoderConfig:
    """The language model for a vocabulary of this size."""
    return DecoderConfig(
        width=256, hidden=704, num_heads=4, num_kv_heads=2, num_layers=6, vocab_size=vocab_size, max_positions=4096
    )


def config(vocab_size: int) -> ModelConfig:
    """All of nano."""
    lm = SpeechLMConfig(encoder=ENCODER, adaptor=ADAPTOR, decoder=decoder(vocab_size))
    voice = VoiceConfig(tokenizer=TOKENIZER, flow=FLOW, hift=HIFT)
    return ModelConfig(name="nano", variant="nano", dtype="float32", lm=lm, voice=voice)
