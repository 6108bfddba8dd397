"""Is the code book used? Counts of recent codes, and an error with advice when they fall together.

A tokenizer can lower its losses for a while and say ever fewer codes; afterwards nothing brings the others back. So the
perplexity of recent codes (how many equally frequent codes would be as surprising) is watched from an early step on.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.errors import AntiphonError

DECAY = 0.98  # of the counts, at every batch
WINDOW = 10  # codes seen for each code that could be demanded: fewer cannot show a book


class CodebookCollapse(AntiphonError):
    """A speech tokenizer says ever the same few codes."""


class CodeUsage(nn.Module):
    """Decaying counts of codes: a buffer, so that a resumed run goes on counting."""

    counts: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("counts", torch.zeros(int(torch.tensor(levels).prod())))

    @torch.no_grad()
    def forward(self, codes: Int[Tensor, " n"]) -> None:
        """Count a batch."""
        self.counts.mul_(DECAY).add_(torch.bincount(codes, minlength=len(self.counts)))

    def check(self, least: float, step: int) -> None:
        """Raise CodebookCollapse if the perplexity is below this share of what could be reached by now."""
        within_reach = min(len(self.counts), float(self.counts.sum()) / WINDOW)
        found = perplexity(self.counts)
        if found >= least * within_reach:
            return
        stuck = [i for i, share in enumerate(self.dominance()) if share > 0.99]
        digits = f"; digits {', '.join(map(str, stuck))} of {len(self.levels)} never change" if stuck else ""
        raise CodebookCollapse(
            f"the code book has collapsed: at step {step} recent codes have a perplexity of {found:.1f}, and at least "
            f"{least * within_reach:.0f} was expected{digits}; lower the learning rate, give the reader's losses more "
            "weight, use more varied speech or a smaller code book, and begin the run again."
        )

    def dominance(self) -> list[float]:
        """For each digit of the code, the share of its most frequent level."""
        total, base, shares = self.counts.sum().clamp(min=1e-9), 1, []
        place = torch.arange(len(self.counts), device=self.counts.device)
        for level in self.levels:
            held = torch.zeros(level, device=self.counts.device).index_add_(0, place // base % level, self.counts)
            shares.append(float(held.max() / total))
            base *= level
        return shares


def perplexity(counts: Float[Tensor, " v"]) -> float:
    """exp of the entropy of these counts: 1 for one code, all of them if each is as frequent."""
    share = counts[counts > 0] / counts.sum().clamp(min=1e-9)
    return float(torch.exp(-(share * share.log()).sum()))
