"""A larger nano that says at first what the smaller one said: more words, and a deeper ear.

    python -m recipes.nano.grow FROM TO [--words N] [--layers N]

FROM is a preset or a folder, TO a new folder that a training begins with (`--set begin=TO`). A new word stands where
its pieces stood on average; a new layer of the encoder adds nothing until it has learnt to.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from antiphon.config import EncoderConfig
from antiphon.data import world
from antiphon.data.skills import catalogue
from antiphon.data.skills.exchange import Conversation
from antiphon.data.skills.hanzi import HAN, characters
from antiphon.model.encoder import EncoderBlock
from antiphon.text.extend import further_merges
from antiphon.text.prompts import PROMPTS
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.toolcall import ToolCall
from antiphon.train.codec.parts import open_model
from antiphon.weights.save import write_folder
from antiphon.weights.tensors import in_memory

WORDS, LAYERS = 2560, 6
CONVERSATIONS = 6000  # whose words are counted
TABLES = ("model.embed_tokens.weight", "lm_head.weight")
BLOCKS = "encoder.blocks."


def texts() -> Iterator[str]:
    """What is said, thought, called and instructed in the skills; each Chinese character by itself."""
    rng = Random("words")
    made = [catalogue.sample(rng, rng.choice(list(catalogue.TASKS))) for _ in range(CONVERSATIONS)]
    whole = [text for one in made for text in texts_of(one)]
    whole += [word for word in world.vocabulary() for _ in range(2)]
    whole += [task.system for task in PROMPTS.values() if task.system for _ in range(2)]
    for text in whole:
        yield from (HAN.sub("\n", text), *characters(text))


def texts_of(made: Conversation) -> Iterator[str]:
    """All words of a conversation."""
    yield from made.tools
    for turn in made.turns:
        yield from (part.text for part in turn.heard if part.text)
        yield from (turn.written, turn.filler, turn.think, turn.reply, turn.result)
        if turn.call:
            yield ToolCall(turn.call.name, turn.call.arguments).body


def reworded(held: Mapping[str, Tensor], before: Tokenizer, merges: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    """The tensors of a speech LM for a longer vocabulary: new words where their pieces were on average."""
    pieces = {symbol: [i] for symbol, i in before.base.items()}
    for first, second in merges:
        pieces.setdefault(first + second, pieces[first] + pieces[second])
    new, made = list(pieces.values())[len(before.base) :], dict(held)
    for name in TABLES:
        words, rest = held[name][: len(before.base)], held[name][len(before.base) :]
        made[name] = torch.cat([words, *(words[some].mean(0, keepdim=True) for some in new), rest])
    return made


def deepened(held: Mapping[str, Tensor], sizes: EncoderConfig, layers: int) -> dict[str, Tensor]:
    """The tensors of an encoder of `layers` blocks; the new ones, spread among the old, add nothing yet."""
    new = {round((n + 1) * layers / (layers - sizes.num_layers + 1e-9)) - 1 for n in range(layers - sizes.num_layers)}
    made = {name: tensor for name, tensor in held.items() if not name.startswith(BLOCKS)}
    torch.manual_seed(layers)
    old = iter(range(sizes.num_layers))
    for place in range(layers):
        block = silent(EncoderBlock(sizes.width, sizes.num_heads)).state_dict()
        if place not in new:
            start = f"{BLOCKS}{next(old)}."
            block = {name.removeprefix(start): held[name] for name in held if name.startswith(start)}
        made |= {f"{BLOCKS}{place}.{name}": tensor for name, tensor in block.items()}
    return made


def silent(block: EncoderBlock) -> EncoderBlock:
    """A block whose two branches end in zeros."""
    last = [layer for layer in block.mlp.modules() if isinstance(layer, torch.nn.Linear)][-1]
    for layer in (block.attn.out, last):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return block


def grow(source: str, target: Path, words: int, layers: int) -> None:
    """Write the larger model."""
    folder = open_model(source)
    config = folder.config
    before = Tokenizer.load(folder.path)
    merges = further_merges(before, texts(), words)
    after = before.extended(merges)
    held = reworded({name: folder.lm[name].read().float() for name in folder.lm}, before, merges)
    encoder = config.lm.encoder
    if layers > encoder.num_layers:
        held = deepened(held, encoder, layers)
        encoder = replace(encoder, num_layers=layers)
    decoder = replace(config.lm.decoder, vocab_size=after.num_ids)
    sizes = replace(config, lm=replace(config.lm, encoder=encoder, decoder=decoder))
    with tempfile.TemporaryDirectory() as place:
        after.save(place)
        grown = replace(folder, config=sizes, lm=in_memory(source, held))
        write_folder(grown, target, layout="own", tokenizer=Path(place))
    print(f"{target}: {len(before.base)} words became {len(after.base)}; the encoder has {encoder.num_layers} layers.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target", type=Path)
    parser.add_argument("--words", type=int, default=WORDS)
    parser.add_argument("--layers", type=int, default=LAYERS)
    given = parser.parse_args()
    grow(given.source, given.target, given.words, given.layers)
