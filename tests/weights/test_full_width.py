"""Full width at reduced depth: the real sizes of every matrix, loaded from the released layout, give finite output."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from antiphon.weights.parts import load_parts
from tests import random_folder

# Peak memory of loading, over what is resident once everything is imported, as a multiple of the weights themselves.
MEASURE = """
import resource, sys
from antiphon.weights.parts import load_parts
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
lm = load_parts(sys.argv[1], with_voice=False).lm
print((peak() - before) / sum(t.nbytes for t in lm.state_dict().values()))
"""


@pytest.mark.slow
def test_full_width(tmp_path: Path) -> None:
    config = random_folder.config(1, 1, dtype="bfloat16")
    folder = random_folder.make(tmp_path / "wide", config, shard=1 << 28)
    parts = load_parts(folder)
    assert parts.config == config and parts.voice is not None
    with torch.inference_mode():
        ids = torch.tensor([parts.tokenizer.encode("the quick brown fox")])
        logits, _ = parts.lm(ids)
        rows = parts.lm.hear(torch.zeros(1, 128, 102))
        wave = parts.voice.hift.render(parts.voice.flow.mu(torch.tensor([[1, 2, 3, 4, 5]])))
    assert logits.shape[-1] == config.lm.decoder.vocab_size and bool(logits.isfinite().all())
    assert rows.shape == (13, 3584) and bool(rows.isfinite().all())
    assert wave.shape == (1, 5 * 960) and bool(wave.isfinite().all())
    done = subprocess.run([sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.3, done.stdout
