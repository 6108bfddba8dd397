"""The language model: a Qwen2 decoder whose cache is passed in and handed back.

Pre-norm RMSNorm, grouped-query attention with biased q, k and v, rotary positions, SwiGLU. Source: Qwen2.5 as
Step-Audio 2 mini uses it. Parameter names are the released ones.
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from antiphon.config import DecoderConfig
from antiphon.nn.attention import KVState, attend, causal_mask, document_mask, init_kv
from antiphon.nn.joined import Joined
from antiphon.nn.mlp import GatedMLP
from antiphon.nn.norm import RMSNorm
from antiphon.nn.places import Places
from antiphon.nn.precision import working
from antiphon.nn.rope import rotate, rotation

Rotation = tuple[Tensor, Tensor]
C = TypeVar("C", KVState, Places)  # what stands in for the past: the caches of a batch, or one step of many streams


class DecoderAttention(nn.Module):
    """Grouped-query attention over the cache, or over the input alone when there is none."""

    joined: Joined | None = None

    def __init__(self, config: DecoderConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, config.head_dim
        self.num_heads, self.num_kv_heads = config.num_heads, config.num_kv_heads
        kv_width = config.num_kv_heads * config.head_dim
        self.q_proj = nn.Linear(config.width, config.num_heads * config.head_dim)
        self.k_proj = nn.Linear(config.width, kv_width)
        self.v_proj = nn.Linear(config.width, kv_width)
        self.o_proj = nn.Linear(config.num_heads * config.head_dim, config.width, bias=False)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        turn: Rotation,
        mask: Bool[Tensor, "..."] | None,
        state: C | None,
        count: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Writes to `state` in place; its length is advanced once, by the decoder."""
        x, projections = working(x), (self.q_proj, self.k_proj, self.v_proj)
        rows = torch.cat([p(x) for p in projections], dim=-1) if self.joined is None else self.joined(x)
        heads = rows.view(*rows.shape[:2], -1, self.head_dim).transpose(1, 2)  # b t d -> b h t d/h, of q, k and v
        both, v = torch.split(heads, [self.num_heads + self.num_kv_heads, self.num_kv_heads], dim=1)
        q, k = torch.split(rotate(both, *turn), [self.num_heads, self.num_kv_heads], dim=1)
        found = attend(q, k, v, mask) if state is None else state.attend(self.layer, q, k, v, mask, count)
        y: Tensor = self.o_proj(found.transpose(1, 2).flatten(2))  # b h t d/h -> b t d
        return y

    def fold(self) -> None:
        """Make q, k and v one product, for inference."""
        self.joined = Joined(self.q_proj, self.k_proj, self.v_proj)


class DecoderLayer(nn.Module):
    """One pre-norm layer."""

    def __init__(self, config: DecoderConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.width, config.eps)
        self.self_attn = DecoderAttention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.width, config.eps)
        self.mlp = GatedMLP(config.width, config.hidden)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        turn: Rotation,
        mask: Bool[Tensor, "..."] | None,
        state: C | None,
        count: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Same shape out."""
        x = x + self.self_attn(self.input_layernorm(x), turn, mask, state, count)
        x = x + self.mlp(self.post_attention_layernorm(x))
        return x


class Decoder(nn.Module):
    """Embeddings in, hidden states out. The entry of a stateful module: `forward(x, state) -> (y, state)`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config, i) for i in range(config.num_layers))
        self.norm = RMSNorm(config.width, config.eps)

    def init_state(self, batch: int, capacity: int | None = None) -> KVState:
        """Empty caches for `batch` streams of up to `capacity` positions (the whole context by default)."""
        c = self.config
        capacity = c.max_positions if capacity is None else capacity
        like = self.norm.weight
        return init_kv(c.num_layers, c.num_kv_heads, c.head_dim, batch=batch, capacity=capacity, like=like)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        state: C | None = None,
        final: bool = True,
        *,
        count: Int[Tensor, " b"] | None = None,
        mask: Bool[Tensor, "b t"] | None = None,
        document: Int[Tensor, "b t"] | None = None,
    ) -> tuple[Float[Tensor, "b t d"], C | None]:
        """Run `t` positions after those in `state`.

        `count` says how many of the t are real in each row of a ragged batch (the rest trail, and are forgotten; a row
        of 0 is idle and keeps its cache to the bit); `mask` is for a padded batch without a cache: false at padding,
        where the output means nothing. `document`, instead of both, is for rows packed with documents that do not hear
        each other (see `document_mask`). Raises StaleState and CapacityError (compiled callers ask `state.check`
        first).
        """
        t = x.shape[1]
        allowed: Tensor | None
        if document is not None:
            assert state is None and mask is None
            positions, allowed = document_mask(document)
        elif state is None:
            positions = torch.arange(t, device=x.device)
            allowed = causal_mask(t, t, x.device)
            if mask is not None:
                itself = torch.eye(t, dtype=torch.bool, device=x.device)  # else padding would look nowhere: NaN
                allowed = (allowed & mask[:, None, None, :]) | itself
        else:
            if not torch.compiler.is_compiling():
                state.check(t, count)
            positions = state.positions(t)[:, None]  # b 1 t
            allowed = state.mask(t)
        turn = rotation(positions, self.config.head_dim, self.config.rope_theta, working(x).dtype)
        for layer in self.layers:
            x = layer(x, turn, allowed, state, count)
        return self.norm(x), None if state is None else state.advance(t, count)

    step = forward

    def fold(self) -> "Decoder":
        """Join products of one input in place, for inference: the same numbers for less work; it no longer learns."""
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            layer.self_attn.fold()
            layer.mlp.fold()
        return self


def logits_of(hidden: Float[Tensor, "*b d"], weight: Float[Tensor, "v d"]) -> Float[Tensor, "*b v"]:
    """Scores of every token, by the output head or by the tied embedding."""
    return F.linear(hidden, weight)
