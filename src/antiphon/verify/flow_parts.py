"""Stages of the token2wav layout inside the flow: look-ahead conformer and velocity network, offline and in chunks."""

from typing import Any

import torch
from torch import Tensor

from antiphon.model.conformer import Conformer, ConformerState
from antiphon.model.dit import DiT, Past, modulate, time_waves
from antiphon.verify.record import Record
from antiphon.verify.voice_parts import captured

# --- conformer -------------------------------------------------------------------------------------------------------


def check_conformer(record: Record, conformer: Conformer, table: torch.nn.Embedding) -> None:
    """Embedding, stages and the whole, then the same codes as a stream."""

    def stored(key: str) -> Tensor:
        return record.tensor("encoder.npz", key)

    def compare(key: str, got: Tensor) -> None:
        record.compare("encoder.npz", key, got)

    compare("embedded", table(stored("token")))
    with captured(conformer.encoders[0]) as first, captured(conformer.encoders[-1]) as last:
        compare("full_out", conformer(stored("embedded"))[0])
    compare("after_layer0", first[0])
    compare("after_encoders", last[0])
    compare("after_embed_scaled", conformer.embed(stored("embedded")))
    compare("after_prelookahead", conformer.pre_lookahead_layer(stored("after_embed_scaled"))[0])
    compare("after_up_conv_channels_first", conformer.up_layer(stored("after_encoders"))[0].mT)
    compare("after_up_embed_scaled", conformer.up_embed(stored("after_up_conv_channels_first").mT))
    state = conformer.init_state(1)
    heard = stored("embedded")
    for index, (start, end, final) in enumerate(
        chunks(record, "encoder.npz", r"stream\d+_out", 1, conformer, heard.shape[1])
    ):
        y, after = conformer(heard[:, start:end], state, final)
        assert after is not None
        state = after
        compare(f"stream{index}_out", y)
        compare(f"stream{index}_cnn_cache", torch.cat([state.ahead.tail, state.up.tail], dim=-1))
        record.compare("encoder.npz", f"stream{index}_att_cache_shape", list(attention_cache(state).shape))
        if record.keys("encoder.npz", f"stream{index}_att_cache"):
            compare(f"stream{index}_att_cache", attention_cache(state))


def chunks(
    record: Record, file: str, pattern: str, axis: int, conformer: Conformer, num_codes: int
) -> list[tuple[int, int, bool]]:
    """The chunk plan of a stored stream: start, end and finality of the codes to push, from the frames that came out.

    The reference hands in the look-ahead again with the next chunk; ours keeps it, so only new codes are pushed.
    """
    config = conformer.config
    frames = [record.get(file, key).shape[axis] for key in record.keys(file, pattern)]
    plan, start, done = [], 0, 0
    for index, count in enumerate(frames):
        done += count // config.up_stride
        final = index == len(frames) - 1
        end = num_codes if final else done + config.look_ahead
        plan.append((start, end, final))
        start = end
    return plan


def attention_cache(state: ConformerState) -> Tensor:
    """Keys and values as the reference stores them: every layer at 50 Hz, those of the 25 Hz stage twice in a row."""
    slow, fast = state.slow, state.fast
    at, far = int(slow.length[0]), int(fast.length[0])
    early = torch.cat([slow.keys[:, :1, :, :at], slow.values[:, :1, :, :at]], dim=-1)
    late = torch.cat([fast.keys[:, :1, :, :far], fast.values[:, :1, :, :far]], dim=-1)
    return torch.cat([torch.cat([early] * (far // max(at, 1)), dim=3), late])


# --- velocity network ------------------------------------------------------------------------------------------------


def check_dit(record: Record, dit: DiT) -> None:
    """Time, the first block part by part, the whole, then the same frames in chunks."""

    def stored(key: str) -> Tensor:
        return record.tensor("dit.npz", key)

    def compare(key: str, got: Tensor) -> None:
        record.compare("dit.npz", key, got)

    x, mu, cond, speaker = (stored(key) for key in ("x", "mu", "cond", "spks"))
    t = record.tensor("dit.npz", "t", torch.promote_types(record.dtype, torch.float32))
    compare("t_freq", time_waves(t))
    compare("t_emb", dit.t_embedder(t))
    heard = torch.cat([x, mu, speaker[..., None].expand_as(x), cond], dim=1)
    compare("block0_in", dit.in_proj(heard.mT))
    block: Any = dit.blocks[0]
    inside, time = stored("block0_in"), stored("t_emb")
    steer = block.adaLN_modulation(time)
    shift, scale = steer[:, None].chunk(9, dim=-1)[:2]
    compare("block0_out", block(inside, steer, None, None)[0])
    compare("block0_attn_out", block.attn(modulate(inside, shift, scale), None, None)[0])
    compare("block0_conv_out", block.conv(inside)[0])
    compare("block0_mlp_out", block.mlp(inside))
    compare("estimator_out", dit(x, t, mu, speaker, cond)[0])
    past: Past | None = None
    start, cache = 0, None
    for index, key in enumerate(record.keys("dit.npz", r"chunk\d+_out")):
        end = start + record.get("dit.npz", key).shape[-1]
        y, new = dit(x[..., start:end], t, mu[..., start:end], speaker, cond[..., start:end], past=past, keep=True)
        assert new is not None
        compare(key, y)
        own = torch.cat([new.keys, new.values], dim=-1)
        cache = own if cache is None else torch.cat([own, cache], dim=3)  # the reference puts the newest first
        compare(f"chunk{index}_cnn_cache", new.tails)
        compare(f"chunk{index}_att_cache", cache)
        past = (
            new
            if past is None
            else Past(torch.cat([past.keys, new.keys], dim=3), torch.cat([past.values, new.values], dim=3), new.tails)
        )
        start = end
