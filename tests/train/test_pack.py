"""Shapes are few, documents packed into a row are alone there, and nothing gets lost on the way."""

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
import torch
import torch.nn.functional as F

from antiphon.config import AdaptorConfig, DecoderConfig, EncoderConfig, SpeechLMConfig
from antiphon.errors import InputError
from antiphon.model.speech_lm import SpeechLM
from antiphon.train.pack import bucket, documents, first_fit, micro_batches, num_rows, share


@dataclass(frozen=True)
class Piece:
    id: str
    size: int


def pieces(count: int, longest: int = 200) -> list[Piece]:
    rng = Random(5)
    return [Piece(f"{n}", rng.randint(1, longest)) for n in range(count)]


def test_micro_batches_have_few_shapes_and_lose_nothing() -> None:
    items = pieces(500)
    groups = micro_batches(items, 512)
    assert Counter(i.id for g in groups for i in g) == Counter(i.id for i in items)
    shapes = Counter((len(g), bucket(max(i.size for i in g))) for g in groups)
    for rows, length in shapes:
        whole = num_rows(length, 512)
        assert rows == whole or (rows & (rows - 1) == 0 and rows < whole)
    assert all(len({bucket(i.size) for i in g}) == 1 for g in groups)
    leftovers = sum(count for (rows, length), count in shapes.items() if rows != num_rows(length, 512))
    assert leftovers <= 4 * len({length for _, length in shapes})  # a few powers of two for each length


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 8])
def test_ranks_have_as_many_micro_batches_each_and_all_of_them_once(num_ranks: int) -> None:
    groups = micro_batches(pieces(40), 512)
    shares = [share(groups, rank, num_ranks) for rank in range(num_ranks)]
    assert len({len(s) for s in shares}) == 1
    counted = [m.items for s in shares for m in s if m.counted]
    assert sorted(counted, key=str) == sorted(groups, key=str)


def test_first_fit_fills_rows_in_order() -> None:
    rows = first_fit([Piece("a", 6), Piece("b", 5), Piece("c", 4), Piece("d", 5)], 10)
    assert [[p.id for p in row] for row in rows] == [["a", "c"], ["b", "d"]]
    with pytest.raises(InputError, match="long has 11 positions"):
        first_fit([Piece("long", 11)], 10)


def test_document_numbers() -> None:
    assert documents([2, 3], 7).tolist() == [0, 0, 1, 1, 1, -1, -1]


def tiny_lm() -> SpeechLM:
    torch.manual_seed(0)
    decoder = DecoderConfig(width=32, hidden=48, num_heads=4, num_kv_heads=2, num_layers=2, vocab_size=50)
    encoder = EncoderConfig(num_mels=8, max_frames=20, width=16, num_heads=2, num_layers=1)
    return SpeechLM(SpeechLMConfig(encoder=encoder, adaptor=AdaptorConfig(hidden=16), decoder=decoder))


def nats(lm: SpeechLM, ids: torch.Tensor, document: torch.Tensor | None) -> torch.Tensor:
    """The sum over every next token within its document."""
    logits, _ = lm(ids, document=document)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(ids), -1)
    if document is not None:
        loss = loss * ((document[:, 1:] == document[:, :-1]) & (document[:, 1:] >= 0))
    return loss.sum()


@pytest.mark.parametrize("capacity", [64, 320])  # plain products, and the fused kernel
def test_packed_is_unpacked_in_loss_and_gradient(capacity: int) -> None:
    lm = tiny_lm().double()
    rng = Random(capacity)
    items = [Piece(f"{n}", rng.randint(2, capacity // 2)) for n in range(9)]
    texts = {i.id: torch.tensor([rng.randrange(50) for _ in range(i.size)]) for i in items}

    torch.stack([nats(lm, text[None], None) for text in texts.values()]).sum().backward()
    alone = {name: p.grad.clone() for name, p in lm.named_parameters() if p.grad is not None}
    apart = torch.stack([nats(lm, text[None], None) for text in texts.values()]).sum()

    lm.zero_grad()
    rows = first_fit(items, capacity)
    ids = torch.zeros(len(rows), capacity, dtype=torch.int64)
    for number, row in enumerate(rows):
        ids[number, : sum(p.size for p in row)] = torch.cat([texts[p.id] for p in row])
    packed = nats(lm, ids, torch.stack([documents([p.size for p in row], capacity) for row in rows]))
    packed.backward()

    torch.testing.assert_close(packed, apart)
    assert alone and set(alone) == {name for name, p in lm.named_parameters() if p.grad is not None}
    for name, p in lm.named_parameters():
        if name in alone:
            torch.testing.assert_close(p.grad, alone[name], rtol=1e-4, atol=1e-5 * float(alone[name].abs().max()))
    nothing = torch.zeros_like(ids)  # all one document: they hear each other, and the loss is another
    assert abs(nats(lm, ids, nothing) - packed) > 1.0
