"""Look-ahead conformer: embedded codes at 25 Hz become features at 50 Hz.

    codes ─embed─ look-ahead ─layers─ x2, causal conv ─embed─ layers─ norm ─> two features a code

A code hears the three codes after it (then zeros, at the end), everything before it, and what comes with it in the same
call or block. Attention is relative to the true distance over the whole history. Source: the upsampling conformer of
CosyVoice 2 as the released flow uses it; parameter names are the released ones.

A stream hands in new codes only: the last three wait in the state until their own look-ahead has come. One call with
`block` equals the calls that cut the same codes at the same places, and one call without a state is the offline result.
"""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from antiphon.config import ConformerConfig
from antiphon.errors import InputError
from antiphon.nn.attention import KVState, init_kv
from antiphon.nn.blocks import block_ends, time_mask
from antiphon.nn.conv import CausalConv1d, ConvState
from antiphon.nn.state import state

HISTORY = 1024  # codes that a stream's caches hold unless the caller asks for more


@state
class ConformerState:
    """What a stream has heard: the codes that wait, two convolution tails, and the keys of both stages."""

    waiting: Float[Tensor, "b look d_in"]  # inputs whose look-ahead has not come yet, at most `look_ahead`
    ahead: ConvState  # of the look-ahead layer
    up: ConvState  # of the upsampling layer
    slow: KVState  # 25 Hz, oldest first
    fast: KVState  # 50 Hz, oldest first


class Embed(nn.Module):
    """Linear, norm, and a gain of sqrt(width)."""

    def __init__(self, d_in: int, width: int) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(d_in, width), nn.LayerNorm(width, eps=1e-5))
        self.gain = math.sqrt(width)

    def forward(self, x: Float[Tensor, "b t d_in"]) -> Float[Tensor, "b t d"]:
        """Same length out."""
        y: Tensor = self.out(x) * self.gain
        return y


class LookAhead(nn.Module):
    """A convolution that hears what comes, then one that hears what was, around a residual."""

    def __init__(self, width: int, look_ahead: int) -> None:
        super().__init__()
        self.look_ahead = look_ahead
        self.conv1 = nn.Conv1d(width, width, look_ahead + 1)
        self.conv2 = CausalConv1d(width, width, 3)

    def forward(
        self, x: Float[Tensor, "b t d"], state: ConvState | None = None, final: bool = True
    ) -> tuple[Float[Tensor, "b t_out d"], ConvState]:
        """At the end as many outputs as inputs, before it `look_ahead` fewer."""
        heard = F.pad(x, (0, 0, 0, self.look_ahead)) if final else x
        y, state = self.conv2(F.leaky_relu(self.conv1(heard.mT)), state)  # b t d -> b d t
        return y.mT + heard[:, : y.shape[-1]], state


class RelativeAttention(nn.Module):
    """Attention whose scores also depend on the distance between query and key, which may be negative."""

    def __init__(self, width: int, num_heads: int, layer: int) -> None:
        super().__init__()
        self.num_heads, self.layer = num_heads, layer
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(num_heads, width // num_heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(num_heads, width // num_heads))

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        mask: Bool[Tensor, "b_or_1 1 t s"],
        distances: Float[Tensor, "r d"],
        state: KVState | None,
    ) -> Float[Tensor, "b t d"]:
        """`distances` are the sinusoids of `far .. near`; without a state that is t-1 .. 1-t."""
        q, k, v = (
            p(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # b t d -> b h t d/h
            for p in (self.linear_q, self.linear_k, self.linear_v)
        )
        if state is not None:
            k, v = state.append(self.layer, k, v)
        r = self.linear_pos(distances).unflatten(-1, (self.num_heads, -1)).transpose(0, 1)  # h r d/h
        near = (q + self.pos_bias_v[:, None]) @ r.mT  # b h t r
        near = _by_key(near) if state is None else _by_place(near, state)
        scores = ((q + self.pos_bias_u[:, None]) @ k.mT + near) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=-1)
        y: Tensor = self.linear_out((weights @ v).transpose(1, 2).flatten(2))  # b h t d/h -> b t d
        return y


class FeedForward(nn.Module):
    """Linear, SiLU, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Same shape out."""
        y: Tensor = self.w_2(F.silu(self.w_1(x)))
        return y


class ConformerLayer(nn.Module):
    """Pre-norm: relative attention, then the feed-forward. (No convolution and no second half, despite the name.)"""

    def __init__(self, config: ConformerConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = RelativeAttention(config.width, config.num_heads, layer)
        self.feed_forward = FeedForward(config.width, config.hidden)
        self.norm_ff = nn.LayerNorm(config.width, eps=1e-12)
        self.norm_mha = nn.LayerNorm(config.width, eps=1e-12)

    def forward(
        self, x: Float[Tensor, "b t d"], mask: Tensor, distances: Tensor, state: KVState | None
    ) -> Float[Tensor, "b t d"]:
        """Same shape out."""
        x = x + self.self_attn(self.norm_mha(x), mask, distances, state)
        x = x + self.feed_forward(self.norm_ff(x))
        return x


class Upsample(nn.Module):
    """Each position twice, then a causal convolution."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = CausalConv1d(width, width, 2 * stride + 1)

    def forward(
        self, x: Float[Tensor, "b t d"], state: ConvState | None = None, final: bool = True
    ) -> tuple[Float[Tensor, "b t_out d"], ConvState]:
        """`stride` outputs for each input."""
        y, state = self.conv(x.repeat_interleave(self.stride, dim=1).mT, state)  # b t d -> b d 2t
        return y.mT, state


class Conformer(nn.Module):
    """Embedded codes [b, t, d_in] to features [b, 2t, d]."""

    def __init__(self, config: ConformerConfig, d_in: int) -> None:
        super().__init__()
        self.config, self.d_in = config, d_in
        width, stride = config.width, config.up_stride
        self.embed = Embed(d_in, width)
        self.pre_lookahead_layer = LookAhead(width, config.look_ahead)
        self.encoders = nn.ModuleList(ConformerLayer(config, i) for i in range(config.num_layers))
        self.up_layer = Upsample(width, stride)
        self.up_embed = Embed(width, width)
        self.up_encoders = nn.ModuleList(ConformerLayer(config, i) for i in range(config.num_up_layers))
        self.after_norm = nn.LayerNorm(width, eps=1e-5)

    def init_state(self, batch: int, capacity: int = HISTORY) -> ConformerState:
        """A stream that has heard nothing and may hear up to `capacity` codes."""
        config, like = self.config, self.after_norm.weight
        heads, head_dim = config.num_heads, config.width // config.num_heads

        def cache(num_layers: int, size: int) -> KVState:
            return init_kv(num_layers, heads, head_dim, batch=batch, capacity=size, like=like)

        return ConformerState(
            waiting=torch.zeros(batch, 0, self.d_in, dtype=like.dtype, device=like.device),
            ahead=self.pre_lookahead_layer.conv2.init_state(batch),
            up=self.up_layer.conv.init_state(batch),
            slow=cache(config.num_layers, capacity),
            fast=cache(config.num_up_layers, capacity * config.up_stride),
        )

    def forward(
        self,
        x: Float[Tensor, "b t d_in"],
        state: ConformerState | None = None,
        final: bool = True,
        *,
        num_real: Int[Tensor, " b"] | None = None,
        block: int | None = None,
        prompt_len: Int[Tensor, " b"] | None = None,
    ) -> tuple[Float[Tensor, "b t_out d"], ConformerState | None]:
        """Features of every code whose look-ahead has come, and of all of them at the end.

        `num_real` codes of each row are real (a padded batch, without a state); `block` bounds how far ahead attention
        hears, in codes, counted from the start of this call or from `prompt_len` (without a state).
        Raises InputError for an unfinished stream without a state, CapacityError when the history is full.
        """
        if state is None and not final:
            raise InputError("a stream that goes on needs a state; begin with init_state().")
        stride, heard = self.config.up_stride, x if state is None else torch.cat([state.waiting, x], dim=1)
        look = self.config.look_ahead
        if not final and heard.shape[1] <= look:  # nobody's look-ahead has come
            assert state is not None
            return x.new_zeros(x.shape[0], 0, self.config.width), replace(state, waiting=heard)
        y = self.embed(heard)
        if num_real is not None:
            y = y * time_mask(num_real, y.shape[1])[..., None]
        y, ahead = self.pre_lookahead_layer(y, None if state is None else state.ahead, final)
        slow, fast = (None, None) if state is None else (state.slow, state.fast)
        y = self._stage(self.encoders, y, slow, block, num_real, prompt_len)
        y, up = self.up_layer(y, None if state is None else state.up)
        wide = [None if n is None else n * stride for n in (num_real, prompt_len)]
        y = self._stage(self.up_encoders, self.up_embed(y), fast, block and block * stride, *wide)
        if slow is not None and fast is not None:
            num = y.shape[1] // stride
            waiting = heard[:, heard.shape[1] if final else -look :].contiguous()
            state = ConformerState(
                waiting=waiting, ahead=ahead, up=up, slow=slow.advance(num), fast=fast.advance(num * stride)
            )
        return self.after_norm(y), state

    step = forward

    def _stage(
        self,
        layers: nn.ModuleList,
        x: Float[Tensor, "b t d"],
        state: KVState | None,
        block: int | None,
        num_real: Int[Tensor, " b"] | None,
        prompt_len: Int[Tensor, " b"] | None,
    ) -> Float[Tensor, "b t d"]:
        """One stack of layers, its mask and its distances."""
        t, width = x.shape[1], x.shape[2]
        ends = block_ends(t, block, prompt_len, x.device)
        if state is None:
            keys, far = torch.arange(t, device=x.device), t - 1
        else:
            if not torch.compiler.is_compiling():
                state.check(t)
            keys, far = torch.arange(state.capacity, device=x.device), state.capacity - 1
            ends = ends + state.length[:, None]
        mask = keys < ends[..., None]  # b t s
        if num_real is not None:
            mask = mask & time_mask(num_real, t)[:, None]
        distances = sinusoids(torch.arange(far, -t, -1, device=x.device), width).to(x.dtype)
        for layer in layers:
            x = layer(x, mask[:, None], distances, state)
        return x


def sinusoids(distance: Int[Tensor, " r"], width: int) -> Float[Tensor, "r d"]:
    """Sine and cosine of each distance in turn, in `width / 2` wavelengths."""
    steps = torch.arange(0, width, 2, device=distance.device, dtype=torch.float32)
    angles = distance[:, None].float() * torch.exp(steps * (-math.log(10_000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)  # r d/2 2 -> r d


def _by_key(near: Float[Tensor, "b h t r"]) -> Float[Tensor, "b h t t2"]:
    """From scores by distance (t-1 .. 1-t) to scores by key: each row is read one place further to the left."""
    b, h, t, _ = near.shape
    shifted = F.pad(near, (1, 0)).reshape(b, h, 2 * t, t)[:, :, 1:]
    return shifted.reshape(b, h, t, 2 * t - 1)[..., :t]


def _by_place(near: Float[Tensor, "b h t r"], state: KVState) -> Float[Tensor, "b h t s"]:
    """From scores by distance (capacity-1 .. 1-t) to scores by place in the cache, for each stream's own length."""
    t, last = near.shape[2], near.shape[3] - 1
    places = torch.arange(state.capacity, device=near.device)
    distance = state.positions(t)[..., None] - places  # b t s
    index = (state.capacity - 1 - distance).clamp(max=last)[:, None]  # places not yet written are masked anyway
    return near.gather(3, index.expand(-1, near.shape[1], -1, -1))
