"""Two ranks share a stateful module; each line printed is a check that held. Run as a program: RANK PORT."""

import os
import sys

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from antiphon.config import DecoderConfig
from antiphon.model.lm import Decoder

CONFIG = DecoderConfig(width=16, hidden=24, num_heads=2, num_kv_heads=1, num_layers=2, vocab_size=20)


def made() -> Decoder:
    torch.manual_seed(0)
    return Decoder(CONFIG)


def shared() -> Decoder:
    """The decoder in shards, one for each layer and one for the rest."""
    decoder = made()
    for layer in decoder.layers:
        fully_shard(layer)
    return fully_shard(decoder)


def check(rank: int) -> None:
    plain, sharded = made(), shared()
    assert all(isinstance(p, DTensor) for p in sharded.parameters()), "nothing was sharded"
    x = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, _ = plain(x)
        state = sharded.init_state(2, capacity=16)
        assert type(state.keys) is torch.Tensor, "a cache belongs to its rank alone"
        outputs = []
        for chunk in torch.split(x, [4, 1, 3, 1], dim=1):
            y, state = sharded(chunk, state)
            outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, dim=1), expected, atol=1e-5, rtol=1e-5)
    print("streamed")
    own = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2 + rank))
    sharded(own)[0].square().mean().backward()
    both = [torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2 + r)) for r in range(2)]
    sum(plain(one)[0].square().mean() / 2 for one in both).backward()
    for (name, a), b in zip(plain.named_parameters(), sharded.parameters(), strict=True):
        if a.grad is not None:
            torch.testing.assert_close(b.grad.full_tensor(), a.grad, atol=1e-6, rtol=1e-4, msg=name)
    print("trained")


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ |= {"RANK": sys.argv[1], "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": sys.argv[2]}
    dist.init_process_group("gloo")
    check(int(sys.argv[1]))
    dist.destroy_process_group()
