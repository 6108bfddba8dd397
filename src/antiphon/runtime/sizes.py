"""How many rows a step of a model may have, so that a row is worth the same in every one of them, to the bit.

    rows      2   3   4  ...  10  |  11  12  ...  16        on one machine, for one model: two families
    a row     ────── the same ────|────── the same ──        a reply keeps to one of them

A library's product takes another way when it grows; where it does depends on machine, library and model, so it is found
out once, on one layer and the head, which are shaped as all the others are.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from antiphon.model.speech_lm import SpeechLM
from antiphon.nn.places import Places, init_pool, sizes_alike
from antiphon.nn.rope import rotation

SMALLEST = 2  # rows of a product; that of a single row rounds in another way


@torch.inference_mode()
def sizes_of(lm: SpeechLM, streams: int, places: int) -> list[int]:
    """The sizes of steps that go together, in order: of at most `places` rows, the last with one for every stream.

    The family of the small steps is taken if it reaches so far, for most steps are small; else that of `places` rows.
    """
    most = max(places, SMALLEST)
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(most, lm.config.decoder.width, generator=chance).to(lm.model.norm.weight)
    neighbours = [x[[row, (row + 1) % most]] for row in range(most)]
    small = sizes_alike(lambda rows: scores(lm, rows), x, torch.cat([scores(lm, pair)[:1] for pair in neighbours]))
    if small and small[-1] >= streams:
        return small
    return sizes_alike(lambda rows: scores(lm, rows), x, scores(lm, x))


def scores(lm: SpeechLM, x: Float[Tensor, "m d"]) -> Float[Tensor, "m v"]:
    """Rows through one layer and the head, each as the first position of a stream."""
    config, rows = lm.config.decoder, len(x)
    pool = init_pool(1, config.num_kv_heads, config.head_dim, slots=rows, capacity=1, like=x)
    places = Places(pool, [(slot, 0) for slot in range(rows)], rows)
    turn = rotation(places.positions(1)[:, None], config.head_dim, config.rope_theta, x.dtype)
    hidden: Tensor = lm.model.norm(lm.model.layers[0](x[:, None], turn, None, places))[:, 0]  # m 1 d -> m d
    return F.linear(hidden, lm.head).float().log_softmax(-1)
