"""Our way of choosing tokens inside vLLM: the same seed at the same position picks the same id, whoever computes.

vLLM runs this in the process of its engine. Of each row of scores all but the id that `sample.choose` picks become
minus infinity, and vLLM's greedy choice finds what is left. The request brings everything in `extra_args[NAME]`; what
was generated so far is vLLM's own list, so nothing is kept here that a preempted request could leave behind.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates
from vllm.v1.sample.logits_processor.interface import LogitsProcessor

from antiphon.runtime.sample import Sampling, choose

NAME = "antiphon"


@dataclass(frozen=True)
class Row:
    """A request under way."""

    sampling: Sampling
    prompt: tuple[int, ...]
    forbidden: tuple[int, ...]
    reply: list[int]  # vLLM's, which grows

    def choose(self, scores: Tensor) -> int:
        """The next id by the scores of all ids, [v]."""
        seen, never = torch.zeros_like(scores, dtype=torch.bool), torch.zeros_like(scores, dtype=torch.bool)
        seen[list(self.prompt + tuple(self.reply))] = True
        never[list(self.forbidden)] = True
        return choose(scores, self.sampling, len(self.prompt) + len(self.reply), seen=seen, forbidden=never)


class Choosing(LogitsProcessor):  # type: ignore[misc]
    """A logits processor of vLLM (its interface of 0.32)."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._rows: dict[int, Row] = {}

    def is_argmax_invariant(self) -> bool:
        """No: what vLLM would choose is what this changes."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Requests came, went or moved to other rows."""
        process_dict_updates(self._rows, batch_update, _row)

    def apply(self, logits: Tensor) -> Tensor:
        """Leave one id in each of our rows."""
        for index, row in self._rows.items():
            chosen = row.choose(logits[index])
            logits[index] = -torch.inf
            logits[index, chosen] = 0.0
        return logits


def _row(params: Any, prompt: list[int] | None, reply: list[int]) -> Row | None:
    ours = (params.extra_args or {}).get(NAME)
    if ours is None:
        return None
    return Row(Sampling(**ours["sampling"]), tuple(ours["prompt"]), tuple(ours["forbidden"]), reply)
