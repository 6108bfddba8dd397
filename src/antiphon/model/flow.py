"""Flow: codes and a voice become a 50 Hz mel, by walking noise along a learned velocity.

    codes ─embedding─ conformer ─ mu ─┐
    speaker, prompt mel ──────────────┼─ Euler steps of the DiT, each with guidance ─> mel
    noise(seed, frame) ───────────────┘

One path serves file, stream and prompt: `forward(codes, state, final)`. A stream hands in new codes only; a code is
rendered when its three look-ahead codes have come. Within a call frames hear each other freely, so the cut into calls
is part of the function: one call with `block` equals the calls that cut at the same places, one call without a state is
the reference's offline result. `whole` is the offline rendering behind a prompt, `open` starts a stream behind one.

Source: the flow of CosyVoice 2 with the DiT of Step-Audio 2; parameter names are the released ones. Deviations: noise
is an argument (a function of seed and frame), the clock is a counter, streams share nothing. `FlowOptions` can
ask for the reference's own truncation and clock.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from antiphon.config import FlowConfig
from antiphon.errors import InputError
from antiphon.model.conformer import HISTORY, Conformer, ConformerState
from antiphon.model.dit import DiTAttention
from antiphon.model.sampler import FlowOptions, Sampler
from antiphon.nn.blocks import block_ends, time_mask
from antiphon.nn.conv import CausalConv1d
from antiphon.nn.noise import FLOW, Noise, Seeded
from antiphon.nn.state import state, static
from antiphon.nn.window import WindowState, init_window


@state
class FlowState:
    """One stream of the flow, or a batch of them."""

    conformer: ConformerState
    window: WindowState
    speaker: Float[Tensor, "b f"]
    seed: Int[Tensor, " b"]
    options: FlowOptions = static(None)


class Flow(nn.Module):
    """Codes [b, t] at 25 Hz to a mel [b, 80, 2t]."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.input_embedding = nn.Embedding(config.num_codes, config.input_size)
        self.spk_embed_affine_layer = nn.Linear(config.speaker_dim, config.num_mels)
        self.encoder = Conformer(config.conformer, config.input_size)
        self.encoder_proj = nn.Linear(config.conformer.width, config.num_mels)
        self.decoder = Sampler(config.dit)

    @property
    def frames_per_code(self) -> int:
        """Mel frames that a code becomes."""
        return self.config.conformer.up_stride

    def options(self, steps: int | None = None, guidance: float | None = None, **others: object) -> FlowOptions:
        """Options with the model's own steps and guidance where none are given."""
        config = self.config
        steps = config.num_steps if steps is None else steps
        guidance = config.guidance if guidance is None else guidance
        return FlowOptions(steps=steps, guidance=guidance, **others)  # type: ignore[arg-type]

    def speaker(self, embedding: Float[Tensor, "b d"]) -> Float[Tensor, "b f"]:
        """What the velocity network is told of a voice, from its speaker embedding."""
        y: Tensor = self.spk_embed_affine_layer(F.normalize(embedding, dim=1))
        return y

    def mu(
        self,
        codes: Int[Tensor, "b t"],
        *,
        num_real: Int[Tensor, " b"] | None = None,
        block: int | None = None,
        prompt_len: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b f t2"]:
        """What the codes say of the mel, for training and for offline use; lengths and blocks in codes."""
        rows, _ = self.encoder(self._embed(codes), num_real=num_real, block=block, prompt_len=prompt_len)
        y: Tensor = self.encoder_proj(rows)
        return y.mT  # b 2t d -> b f 2t

    def velocity(
        self,
        x: Float[Tensor, "b f t"],
        t: Float[Tensor, " b_or_1"],
        mu: Float[Tensor, "b f t"],
        speaker: Float[Tensor, "b f"],
        cond: Float[Tensor, "b f t"],
        *,
        num_real: Int[Tensor, " b"] | None = None,
        block: int | None = None,
        prompt_len: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b f t"]:
        """The velocity at time `t`, for training; lengths and blocks in codes. The target is data - noise."""
        mask = self._mask(x.shape[-1], x.device, num_real, block, prompt_len)
        v: Tensor = self.decoder.estimator(x, t, mu, speaker, cond, mask)[0]
        return v

    def init_state(
        self,
        batch: int,
        *,
        speaker: Float[Tensor, "b f"] | None = None,
        seed: Int[Tensor, " b"] | int = 0,
        options: FlowOptions | None = None,
        capacity: int = HISTORY,
        num_prompt: int = 0,
    ) -> FlowState:
        """A stream that has heard nothing and has no prompt; see `open` for one that has.

        `speaker` is what `speaker()` returns (zeros by default), `capacity` how many codes the conformer may hear in
        all, the prompt included, `num_prompt` the frames kept for a prompt.
        """
        options, like, dit = options or self.options(), self.encoder_proj.weight, self.config.dit
        seed = torch.zeros(batch, dtype=torch.int64, device=like.device) + seed
        if speaker is None:
            speaker = torch.zeros(batch, self.config.num_mels, dtype=like.dtype, device=like.device)
        recent = options.recent if options.truncation else capacity * self.frames_per_code - num_prompt
        window = init_window(
            (options.steps, 2 if options.guidance else 1, dit.depth, dit.num_heads, dit.head_dim),
            batch=batch,
            width=2 * dit.width,
            num_prompt=num_prompt,
            recent=recent,
            truncation=options.truncation,
            like=like,
        )
        conformer = self.encoder.init_state(batch, capacity)
        return FlowState(conformer=conformer, window=window, speaker=speaker, seed=seed, options=options)

    def open(
        self,
        codes: Int[Tensor, "b t"],
        mel: Float[Tensor, "b f t2"],
        embedding: Float[Tensor, "b d"],
        *,
        seed: Int[Tensor, " b"] | int = 0,
        options: FlowOptions | None = None,
        capacity: int = HISTORY,
        num_prompt: int | None = None,
        noise: Noise | None = None,
    ) -> FlowState:
        """A stream behind a voice prompt: its codes, its mel (two frames a code) and its speaker embedding.

        `num_prompt` frames are reserved (its own by default), so that streams of different prompts can be stacked.
        The prompt's own first codes serve as the look-ahead of its last ones; it is rendered once, and only what the
        caches then hold is kept. Raises InputError for a prompt that is too short or does not fit its mel.
        """
        look = self.config.conformer.look_ahead
        frames = codes.shape[1] * self.frames_per_code
        if codes.shape[1] < look or mel.shape[-1] != frames:
            raise InputError(
                f"the voice prompt has {codes.shape[1]} codes and {mel.shape[-1]} frames; "
                f"at least {look} codes and exactly {self.frames_per_code} frames a code were expected."
            )
        state = self.init_state(
            codes.shape[0],
            speaker=self.speaker(embedding),
            seed=seed,
            options=options,
            capacity=capacity,
            num_prompt=frames if num_prompt is None else num_prompt,
        )
        heard = torch.cat([codes, codes[:, :look]], dim=1)
        _, state = self._render(heard, state, final=False, noise=noise, cond=mel, block=None, is_prompt=True)
        return state

    def forward(
        self,
        codes: Int[Tensor, "b t"],
        state: FlowState | None = None,
        final: bool = True,
        *,
        noise: Noise | None = None,
        cond: Float[Tensor, "b f t2"] | None = None,
        block: int | None = None,
    ) -> tuple[Float[Tensor, "b f t_out"], FlowState | None]:
        """The mel of every code whose look-ahead has come, of all of them at the end.

        Without a state this is the offline result of a voice that is not told (`whole` tells one). `noise` replaces the
        state's seed, `cond` is a mel that is known (a prompt), `block` cuts this call into blocks of that many codes.
        Raises InputError for a code outside the code book, CapacityError when the conformer's history is full.
        """
        if state is None:
            if not final:
                raise InputError("a stream that goes on needs a state; begin with init_state() or open().")
            speaker = self.encoder_proj.weight.new_zeros(codes.shape[0], self.config.num_mels)
            return self._whole(codes, speaker, cond, noise, self.options(), block), None
        return self._render(codes, state, final, noise=noise, cond=cond, block=block)

    step = forward

    def whole(
        self,
        codes: Int[Tensor, "b t"],
        prompt_codes: Int[Tensor, "b p"],
        prompt_mel: Float[Tensor, "b f p2"],
        embedding: Float[Tensor, "b d"],
        *,
        seed: Int[Tensor, " b"] | int = 0,
        options: FlowOptions | None = None,
        noise: Noise | None = None,
    ) -> Float[Tensor, "b f t2"]:
        """The reference's offline rendering: prompt and codes in one, everybody hears everybody, the prompt cut off."""
        heard = torch.cat([prompt_codes, codes], dim=1)
        cond = F.pad(prompt_mel, (0, codes.shape[1] * self.frames_per_code))
        seed = torch.zeros(len(codes), dtype=torch.int64, device=codes.device) + seed
        noise = noise or Seeded(seed, FLOW, self.config.num_mels)
        mel = self._whole(heard, self.speaker(embedding), cond, noise, options or self.options(), None)
        return mel[..., prompt_mel.shape[-1] :]

    def fold(self) -> "Flow":
        """Join what can be one product in place, for inference: the same numbers for less work; it no longer learns."""
        for module in self.modules():
            if isinstance(module, CausalConv1d | DiTAttention):
                module.fold()
        return self

    def _whole(
        self,
        codes: Tensor,
        speaker: Tensor,
        cond: Tensor | None,
        noise: Noise | None,
        options: FlowOptions,
        block: int | None,
    ) -> Tensor:
        mu = self.mu(codes, block=block)
        mask = self._mask(mu.shape[-1], mu.device, None, block, None)
        clock = torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
        x = (noise or Seeded(clock, FLOW, mu.shape[1]))(clock, mu.shape[-1]).to(mu.device) * options.temperature
        mel: Tensor = self.decoder(x, mu, speaker, torch.zeros_like(mu) if cond is None else cond, options, mask)[0]
        return mel

    def _render(
        self,
        codes: Tensor,
        state: FlowState,
        final: bool,
        *,
        noise: Noise | None,
        cond: Tensor | None,
        block: int | None,
        is_prompt: bool = False,
    ) -> tuple[Tensor, FlowState]:
        """The one path of a stream."""
        options, window = state.options, state.window
        if block is not None and options.truncation == "released":
            raise InputError("the released truncation counts calls, so none can be cut into blocks; make the calls.")
        rows, conformer = self.encoder(self._embed(codes), state.conformer, final, block=block)
        mu = self.encoder_proj(rows).mT  # b 2t d -> b f 2t
        num = mu.shape[-1]
        if is_prompt:  # its look-ahead is not said, so it does not wait
            conformer = replace(conformer, waiting=conformer.waiting[:, :0])
        if num == 0:
            return mu, replace(state, conformer=conformer)
        if not torch.compiler.is_compiling():
            window.check(0 if is_prompt else num)
        clock = window.seen if options.clock == "stream" else window.held
        x = (noise or Seeded(state.seed, FLOW, mu.shape[1]))(clock, num).to(mu.device) * options.temperature
        wide = num if block is None else block * self.frames_per_code
        starts = torch.arange(num, device=mu.device)[None] // wide * wide
        mask = window.mask(starts, (starts + wide).clamp(max=num))
        cond = torch.zeros_like(mu) if cond is None else cond
        mel, left = self.decoder(x, mu, state.speaker, cond, options, mask, window)
        window = window.push_prompt(left, num) if is_prompt else window.push(left, num)
        return mel, replace(state, conformer=conformer, window=window)

    def _mask(
        self,
        frames: int,
        device: torch.device,
        num_real: Tensor | None,
        block: int | None,
        prompt_len: Tensor | None,
    ) -> Bool[Tensor, "b_or_1 1 t s"] | None:
        """Who may hear whom without a state; None when everybody hears everybody."""
        if num_real is None and block is None:
            return None
        per_code = self.frames_per_code
        wide = None if prompt_len is None else prompt_len * per_code
        ends = block_ends(frames, block and block * per_code, wide, device)
        mask = torch.arange(frames, device=device) < ends[..., None]
        if num_real is not None:
            mask = mask & time_mask(num_real * per_code, frames)[:, None]
        return mask[:, None]

    def _embed(self, codes: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        if not torch.compiler.is_compiling() and codes.numel():
            low, high = torch.stack(codes.aminmax()).tolist()
            if low < 0 or high >= self.config.num_codes:
                odd, last = low if low < 0 else high, self.config.num_codes - 1
                raise InputError(f"a speech code of {odd} was given; codes lie in 0 .. {last}; drop the others.")
        rows: Tensor = self.input_embedding(codes)
        return rows
