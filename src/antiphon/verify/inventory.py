"""Every array of every file of the two layouts, and what it is for. What is not listed here is a failure.

A line says: these keys of this file are an input, or are compared under a tolerance, or are informative. Keys are
matched whole, by regular expression, first line first; keys of nested JSON are joined by "/". A file without keys (a
checkpoint, a recording) has the one key "".
"""

import re
from dataclasses import dataclass

INPUT, COMPARED, INFORMATIVE = "input", "compared", "informative"


@dataclass(frozen=True)
class Line:
    """Keys of one file. `depth` is how deep the keys of a JSON file go; `optional`: the file may be absent."""

    file: str
    keys: str
    role: str
    tolerance: str = "exact"
    depth: int = 1
    optional: bool = False


CODES = r"(code|batch\d+_code|onnx_model_code|long_\d+_code)"
LENGTHS = r"(mel|code|batch\d+|batch\d+_code|onnx_model_code|long_\d+)_len"

LANGUAGE_MODEL = (
    Line("README.md", "", INFORMATIVE, optional=True),
    Line("tolerances.json", ".*", INFORMATIVE, depth=2),
    Line("config.json", "", INPUT),
    Line("model.safetensors", "", INPUT),
    Line("key_shapes.json", "", COMPARED),
    Line("tiny_ids.json", "seed|rule|tiny_id_offset", INFORMATIVE),
    Line("tiny_ids.json", "vocab_size", COMPARED),
    Line("tiny_ids.json", ".*", INPUT),
    Line("waves.npz", ".*", INPUT),
    Line("clip_real_16k.wav", "", COMPARED),
    Line("resample.npz", r"in_\w+", INPUT),
    Line("resample.npz", r"out_\w+_to_\w+", COMPARED, "resample"),
    Line("filterbank.npz", "mel_filters|window", COMPARED, "filterbank"),
    Line("mel.npz", r"mel_\w+", COMPARED, "mel"),
    Line("token_num.npz", "samples|frames_dense|lengths_arg", INPUT),
    Line("token_num.npz", "frames|tokens|tokens_dense|tokens_of_lengths_arg", COMPARED),
    Line("encoder.npz", r"\w+/(mel_frames|wav_lens|encoder_lens|embed_lens)", COMPARED),
    Line("encoder.npz", r"\w+/(encoder_out|after_conv\d)", COMPARED, "encoder"),
    Line("encoder.npz", r"\w+/adaptor_out", COMPARED, "adaptor"),
    Line("model_io.npz", r"\w+/(input_ids|attention_mask)", INPUT),
    Line("model_io.npz", r"\w+/inputs_embeds", COMPARED, "adaptor"),
    Line("model_io.npz", r"\w+/last_hidden", COMPARED, "hidden"),
    Line("model_io.npz", r"\w+/logits", COMPARED, "logits"),
    Line("model_io.npz", r"\w+/greedy(_no_audio)?", COMPARED, "greedy"),
    Line("model_io.npz", r"\w+/greedy_margin", COMPARED, "greedy.margin"),
    Line("prompts.json", r"\w+/\w+/(messages|conversation|options)", INPUT, depth=3),
    Line("prompts.json", r"\w+/\w+/(pieces|mel_frames)", COMPARED, depth=3),
    Line("ta4.json", "note", INFORMATIVE, depth=3),
    Line("ta4.json", r"ids/.*|interleave/\d+/(text|audio)|split/\w+/output_ids", INPUT, depth=3),
    Line("ta4.json", r"interleave/\d+/\w+_branch|is_audio_output/\d+/1", COMPARED, depth=3),
    Line("ta4.json", r"is_audio_output/\d+/0", INPUT, depth=3),
    Line("ta4.json", r"split/\w+/(text|audio|other|streaming_one_by_one|hf_text|hf_audio)", COMPARED, depth=3),
    Line("toolcalls.json", r"\w+/text", INPUT, depth=2),
    Line("toolcalls.json", r"\w+/(nonstreaming|streaming)", COMPARED, depth=2),
)

TOKEN2WAV = (
    Line("README.md", "", INFORMATIVE, optional=True),
    Line("index.json", "", COMPARED),
    Line("tiny_flow.yaml", "", INPUT),
    Line("tiny_flow.safetensors", "", INPUT),
    Line("tiny_hift.safetensors", "", INPUT),
    Line("tiny_s3tokenizer.safetensors", "", INPUT),
    Line("tiny_s3tokenizer_v2_names.onnx", "", INPUT),
    Line("tiny_s3tokenizer_v2_names.expected.tsv", "", COMPARED, "filterbank"),
    Line("tiny_speaker_stub.onnx", "", INPUT),
    Line("prompt_24k.wav", "", INPUT),
    Line("flow_noise.npz", "rand_noise", INPUT),
    Line("resample.npz", "pcm16_24k", COMPARED),
    Line("resample.npz", r"a\w+_to_\w+", COMPARED, "voice.resample"),
    Line("features.npz", r"mel24k_\d+", COMPARED, "voice.mel24k"),
    Line("features.npz", r"logmel16k_\d+", COMPARED, "voice.logmel"),
    Line("features.npz", r"kaldi_fbank_\d+\w*", COMPARED, "voice.fbank"),
    Line("s3tokenizer.npz", "mel|mel_len|batch2_len", INPUT),
    Line("s3tokenizer.npz", r"conv\d_pre_gelu_first\d+|block\d_attn_out|hidden", COMPARED, "codes.activation"),
    Line("s3tokenizer.npz", CODES, COMPARED, "codes.margin"),
    Line("s3tokenizer.npz", LENGTHS, COMPARED),
    Line("fsq.npz", "pre_tanh", INPUT),
    Line("fsq.npz", "index", COMPARED),
    Line("encoder.npz", "token", INPUT),
    Line("encoder.npz", r"stream\d+_att_cache_shape", COMPARED),
    Line("encoder.npz", r"embedded|full_out|after_\w+|stream\d+_(out|cnn_cache|att_cache)", COMPARED, "conformer"),
    Line("dit.npz", "x|mu|cond|spks|t", INPUT),
    Line("dit.npz", "t_freq", COMPARED, "dit.time"),
    Line("dit.npz", r"t_emb|block0_\w+|estimator_out|chunk\d+_(out|cnn_cache|att_cache)", COMPARED, "dit"),
    Line("cfm.npz", "mu|cond|spks", INPUT),
    Line("cfm.npz", r"t_span|out_\d+steps", COMPARED, "cfm"),
    Line("flow.npz", "prompt_token|token|prompt_mel|spk", INPUT),
    Line("flow.npz", r"final_\w+_att_shape", COMPARED),
    Line("flow.npz", r"spk_affine|offline_mel|stream\d+_mel|stream_single_chunk_mel|setup_\w+", COMPARED, "flow"),
    Line("hift.npz", r"mel|eps_first\d+frames_h0|cache_source", INPUT),
    Line("hift.npz", "rand_ini", INFORMATIVE),  # the reference's initial phase, which never reaches its output
    Line("hift.npz", "uv", COMPARED),
    Line("hift.npz", "f0", COMPARED, "hift.f0"),
    Line("hift.npz", r"(sine|source)_(zero_noise|eps_shared)\w*", COMPARED, "hift.phase"),
    Line("hift.npz", r"wav_(zero_noise|eps_shared|cached_source)", COMPARED, "hift.decode"),
    Line(
        "hift.npz", r"conv_pre_out|ups0_out|source_down0_out|resblock0_out|conv_post_out_\w+", COMPARED, "hift.decode"
    ),
    Line("hift.npz", r"source_stft_\w+", COMPARED, "hift.decode"),
    Line("token2wav.npz", "tokens", INPUT),
    Line("token2wav.npz", "prompt_tokens", COMPARED, "codes.margin"),
    Line("token2wav.npz", "prompt_tokens_len|prompt_mel_len_before_pad", COMPARED),
    Line("token2wav.npz", "stream_estimator_cache_len_after_chunk|stream_samples", COMPARED),
    Line("token2wav.npz", "spk_emb", COMPARED, "speaker"),
    Line("token2wav.npz", "prompt_mel_padded", COMPARED, "voice.mel24k"),
    Line("token2wav.npz", r"stream\d+_pcm16", COMPARED, "token2wav.pcm16"),
    Line("token2wav.npz", r"stream\d+_mel|offline_mel", COMPARED, "token2wav.mel"),
    Line("token2wav.npz", "offline_wav_zero_source_noise", COMPARED, "token2wav.wave"),
)


def find_line(lines: tuple[Line, ...], file: str, key: str) -> Line | None:
    """The line that speaks of this key, if any."""
    return next((line for line in lines if line.file == file and re.fullmatch(line.keys, key)), None)
