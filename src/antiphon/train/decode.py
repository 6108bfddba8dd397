"""What a speech LM says to held-out examples while it trains: greedy, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from antiphon.model.speech_lm import SpeechLM
from antiphon.text.layout import TokenLayout
from antiphon.text.parse import THOUGHT
from antiphon.text.tokenizer import Tokenizer
from antiphon.train.examples import Example
from antiphon.train.learner import Batch, Learner
from antiphon.train.tasks import NOTHING


@torch.no_grad()
def prompts(learner: Learner, examples: Sequence[Example], batch: Batch) -> list[Float[Tensor, "_ d"]]:
    """Everything before the first learned position of each example, embedded."""
    x = learner.embed(batch)[0]
    firsts = [next(i for i, kind in enumerate(e.kinds) if kind != NOTHING) for e in examples]
    return [x[b, :first] for b, first in enumerate(firsts)]


@torch.no_grad()
def greedy(lm: SpeechLM, prompts: Sequence[Float[Tensor, "_ d"]], stop: int, limit: int) -> list[list[int]]:
    """Continue embedded prompts until the stop id (left out) or `limit` ids, in one batch."""
    counts = torch.tensor([len(p) for p in prompts], device=prompts[0].device)
    x = nn.utils.rnn.pad_sequence(list(prompts), batch_first=True)
    state = lm.init_state(len(prompts), int(counts.max()) + limit + 1)
    logits, state = lm(x, state, count=counts)
    token = logits[torch.arange(len(prompts)), counts - 1].argmax(-1)
    made: list[list[int]] = [[] for _ in prompts]
    going = set(range(len(prompts)))
    for _ in range(limit):
        ids = token.tolist()
        going = {b for b in going if ids[b] != stop}
        for b in going:
            made[b].append(ids[b])
        if not going:
            break
        logits, state = lm(token[:, None], state)
        token = logits[:, 0].argmax(-1)
    return made


@dataclass(frozen=True)
class Reply:
    """What a model said: its words, written or woven into speech, and its codes."""

    text: str
    codes: tuple[int, ...] = ()


def reply(ids: Sequence[int], tokenizer: Tokenizer, layout: TokenLayout, aloud: bool) -> Reply:
    """The reply that these ids are, without a thought before it; `aloud`: the prompt has already opened the mouth."""
    parts = layout.split([i for i in ids if i <= layout.audio_pad], speaking=aloud)
    codes = tuple(layout.code_of(i) for i in parts.speech if layout.is_speech(i))
    text = tokenizer.decode([*parts.text, *parts.other])
    return Reply(text.rpartition(THOUGHT)[2].strip(), codes)
