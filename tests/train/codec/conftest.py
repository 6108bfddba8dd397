"""A corpus of made-up speech: two voices say vowels; and a bare loop that trains a stage for a few steps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.config import ConformerConfig, DiTConfig, FlowConfig, HiFTConfig, SpeechTokenizerConfig
from antiphon.data.store import write_shard
from antiphon.rates import SPOKEN_HZ
from antiphon.train.codec.reader import ReaderConfig
from antiphon.train.stage import Place, Stage

FORMANTS = {"a": (800, 1200), "e": (500, 1900), "i": (300, 2300), "o": (450, 800)}
VOICES = {"low": 110.0, "high": 210.0}  # Hz
VOWEL_S = 0.15

TOKENIZER = SpeechTokenizerConfig(width=32, num_heads=2, num_layers=1, memory=5, levels=(3, 3, 3), window=2)
READER = ReaderConfig(width=32, num_heads=2, num_blocks=1, num_convs=1)
FLOW = FlowConfig(
    num_codes=TOKENIZER.num_codes,
    input_size=32,
    num_steps=2,
    conformer=ConformerConfig(width=32, num_heads=2, hidden=64, num_layers=1, num_up_layers=1),
    dit=DiTConfig(width=32, num_heads=2, head_dim=16, depth=1),
)
HIFT = HiFTConfig(
    channels=32,
    up_rates=(2,),
    up_kernels=(4,),
    istft_size=960,
    istft_hop=240,
    kernels=(3,),
    dilations=(1,),
    source_kernels=(3,),
    source_dilations=(1,),
    f0_width=16,
    phase="angle",
)


def sound(text: str, hz: float, rng: np.random.Generator) -> np.ndarray:
    """Harmonics of a pitch, loud near the formants of each vowel."""
    pieces, at = [], np.arange(int(VOWEL_S * SPOKEN_HZ)) / SPOKEN_HZ
    harmonics = hz * np.arange(1, 20)
    for vowel in text:
        near = sum(np.exp(-(((harmonics - formant) / 200) ** 2)) for formant in FORMANTS[vowel])
        phases = 2 * np.pi * harmonics[:, None] * (at + len(pieces) * VOWEL_S)
        pieces.append(((near + 0.02)[:, None] * np.sin(phases)).sum(0))
    wave = np.concatenate(pieces)
    return (0.2 * wave / np.abs(wave).max() + rng.normal(0, 1e-3, len(wave))).astype(np.float32)


def row(text: str, voice: str) -> dict[str, object]:
    """A row of the index, which tells when each vowel sounds."""
    phones = [(vowel, i * VOWEL_S, (i + 1) * VOWEL_S) for i, vowel in enumerate(text)]
    return {"text": text, "voice": voice, "phones": phones}


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of two shards, twelve clips of 1.2 s."""
    folder, rng = tmp_path_factory.mktemp("corpus") / "vowels", np.random.default_rng(1)
    for shard in range(2):
        said = [("".join(rng.choice(list(FORMANTS), 8)), voice) for voice in VOICES for _ in range(3)]
        items = [(row(text, voice), sound(text, VOICES[voice], rng)) for text, voice in said]
        write_shard(folder, shard, items, SPOKEN_HZ)
    return str(folder)


@pytest.fixture()
def place(tmp_path: Path) -> Place:
    """Where a stage of these tests is."""
    return Place(device=torch.device("cpu"), folder=tmp_path / "run", runs=tmp_path)


def learn(stage: Stage, steps: int, *, same: bool = True) -> tuple[dict[str, float], dict[str, float]]:
    """A few steps (on one batch); each loss per target at the first and at the last of them."""
    stage.model.train()
    turns = stage.turns()
    optimizers = [torch.optim.Adam([{"params": list(g.parameters), "lr": g.lr} for g in t.groups]) for t in turns]
    seen: list[dict[str, float]] = []
    for step in range(steps):
        batch = stage.batch(stage.items(0 if same else step))
        counts, found = stage.counts(batch), {}
        for turn, optimizer in zip(turns, optimizers, strict=True):
            losses = {name: loss / counts[name] for name, loss in stage.losses(batch, turn.name, step).items()}
            found |= {name: float(loss.detach()) for name, loss in losses.items()}
            stage.model.zero_grad()
            sum(stage.weights.get(name, 1.0) * loss for name, loss in losses.items()).backward()  # type: ignore[union-attr]
            optimizer.step()
        seen.append(found)
    return seen[0], seen[-1]


def in_parts_as_in_one(stage: Stage, turn: str, tolerance: float = 1e-4) -> None:
    """Sums and counts of a batch are those of its examples one by one."""
    items = stage.items(3)
    assert len(items) > 1
    whole = stage.batch(items)
    parts = [stage.batch([item]) for item in items]
    counts = [stage.counts(part) for part in parts]
    with torch.no_grad():
        once, each = stage.losses(whole, turn, 0), [stage.losses(part, turn, 0) for part in parts]
    for name, loss in once.items():
        assert stage.counts(whole)[name] == sum(count[name] for count in counts) > 0, name
        assert float(loss) == pytest.approx(sum(float(part[name]) for part in each), rel=tolerance), name
