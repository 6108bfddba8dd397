"""Train nano's flow: codes and a voice prompt to a mel, by conditional flow matching.

    python -m recipes.nano.flow MINUTES

An example is two utterances of one voice end to end: the first may serve as the prompt, its mel given as the
condition. Blocks of random size are masked, so that streaming is trained; codes, voice and prompt are dropped now and
then, so that guidance has something to steer away from.
"""

import math
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.model.flow import Flow
from antiphon.nn.blocks import time_mask
from recipes.nano import sizes
from recipes.nano.features import Clip, clips
from recipes.nano.loop import latest, one_thread, train
from recipes.nano.speaker import RUN as SPEAKER_RUN
from recipes.nano.speaker import SpeakerNet, features
from recipes.nano.tokenizer import MEL_MEAN, MEL_SPREAD

RUN = Path("runs/flow")
PAIRS, NEAR, STRIDE = 6, 200, 20  # pairs of a batch, how far apart in length, codes to whose multiples they are padded
BLOCKS = (None, None, 25, 25, 10)
DROP, PROMPTED = 0.2, 0.75
NUM_VOICES = 400  # clips whose embedding is given as the voice


def codes_of(name: str) -> dict[str, list[np.ndarray]]:
    """The codes of every utterance, by shard."""
    made = {}
    for path in sorted((Path("runs/codes") / name).glob("[0-9]*.npz")):
        held = np.load(path)
        codes, at = held["codes"], held["at"]
        made[path.stem] = [codes[a:b] for a, b in zip(at, at[1:], strict=False)]
    return made


def pairs(name: str) -> list[tuple[np.ndarray, Clip]]:
    """Codes with their clip."""
    codes, seen, out = codes_of(name), {}, []
    for clip in clips(name):
        shard = clip.row["shard"]
        i = seen[shard] = seen.get(shard, -1) + 1
        if shard in codes:
            out.append((codes[shard][i], clip))
    return out


def fitted(codes: np.ndarray, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """As many frames as twice the codes: the last code may outlast the mel."""
    assert clip.frames is not None
    mel = clip.frames[: 2 * len(codes)].astype(np.float32)
    return codes.astype(np.int64), np.pad(mel, ((0, 2 * len(codes) - len(mel)), (0, 0)), mode="edge")


Voices = Callable[[int], Tensor]  # speaker embeddings of a few hundred clips, by number
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def batch_of_pairs(data: list[tuple[np.ndarray, Clip]], voice_of: Voices, rng: np.random.Generator) -> Batch:
    """Codes, mels, lengths and prompt lengths (in codes) of pairs of utterances, and a voice for each.

    The data are sorted by length: pairs of a batch are alike in it, and are padded to few lengths in all.
    """
    codes, mels, prompts, voices = [], [], [], []
    first, second = rng.integers(len(data), size=2)
    for _ in range(PAIRS):
        i, j = (int(np.clip(k + rng.integers(-NEAR, NEAR), 0, len(data) - 1)) for k in (first, second))
        (a, x), (b, y) = fitted(*data[i]), fitted(*data[j])
        codes.append(torch.from_numpy(np.concatenate([a, b])))
        mels.append(torch.from_numpy(np.concatenate([x, y])))
        prompts.append(len(a) if rng.random() < PROMPTED else 0)
        voices.append(voice_of(int(rng.integers(NUM_VOICES))))
    lengths = torch.tensor([len(c) for c in codes])
    long = -(-int(lengths.max()) // STRIDE) * STRIDE
    padded = torch.stack([F.pad(c, (0, long - len(c))) for c in codes])
    mel = torch.stack([F.pad(m, (0, 0, 0, 2 * long - len(m))) for m in mels]).mT
    return padded, mel, lengths, torch.tensor(prompts), torch.stack(voices)


def flow_losses(model: Flow, batch: Batch, block: int | None) -> dict[str, Tensor]:
    """How far the velocity is from data - noise outside the prompts, and the codes' own guess from the mel."""
    codes, mel, lengths, prompts, voices = batch
    t = 1 - torch.cos(torch.rand(len(codes)) * math.pi / 2)
    noise, at = torch.randn_like(mel), t[:, None, None]
    real = time_mask(2 * lengths, mel.shape[-1])[:, None]
    known = time_mask(2 * prompts, mel.shape[-1])[:, None]
    kept = (torch.rand(len(codes)) > DROP).float()
    mu = model.mu(codes, num_real=lengths, block=block, prompt_len=prompts)
    spoken = model.speaker(voices) * kept[:, None]
    cond = mel * known * kept[:, None, None]
    noisy, told = (1 - at) * noise + at * mel, mu * kept[:, None, None]
    v = model.velocity(noisy, t, told, spoken, cond, num_real=lengths, block=block, prompt_len=prompts)
    learned = (real & ~known).expand_as(mel)
    return {
        "flow": F.mse_loss(v.float()[learned], (mel - noise)[learned]) / MEL_SPREAD**2,
        "mu": 0.2 * (mu.float() - mel)[real.expand_as(mel)].abs().mean() / MEL_SPREAD,
    }


def main(minutes: float) -> None:
    one_thread()
    torch.manual_seed(8)
    data = sorted(pairs("target"), key=lambda pair: len(pair[0]))
    dev = pairs("target_dev")[:24]
    net: Any = latest(SPEAKER_RUN)
    speaker = SpeakerNet()
    speaker.load_state_dict({k: v for k, v in net["model"].items() if k != "classes"})

    @lru_cache(NUM_VOICES)
    @torch.no_grad()
    def voice_of(i: int) -> Tensor:
        clip = data[i * len(data) // NUM_VOICES][1]
        with torch.autocast("cpu", enabled=False):
            heard = torch.from_numpy(features(clip, clip.row["rate"]).astype(np.float32))
            embedding: Tensor = speaker(heard[None])[0]
        return embedding

    model = Flow(sizes.FLOW)
    for layer in (model.encoder_proj, model.decoder.estimator.final_layer.linear):
        nn.init.constant_(layer.bias, MEL_MEAN)
    print(len(data), "clips,", sum(p.numel() for p in model.parameters()), "parameters", flush=True)

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([8, step])
        torch.manual_seed(step)
        batch = batch_of_pairs(data, voice_of, rng)
        return flow_losses(model, batch, BLOCKS[rng.integers(len(BLOCKS))])

    def evaluate() -> dict[str, float]:
        far = []
        prompt, shown = fitted(*data[len(data) // 2])
        for codes, clip in dev:
            ids, mel = fitted(codes, clip)
            made = model.whole(torch.from_numpy(ids)[None], torch.from_numpy(prompt)[None],
                               torch.from_numpy(shown).T[None], voice_of(0)[None])  # fmt: skip
            far.append((made[0].T - torch.from_numpy(mel)).abs().mean().item())
        return {"mel": round(float(np.mean(far)), 4)}

    train(RUN, model, losses, minutes=minutes, lr=1e-3, evaluate=evaluate, warm_up=200)


def trained() -> Flow:
    """The flow of the run."""
    model, held = Flow(sizes.FLOW), latest(RUN)
    assert held is not None
    model.load_state_dict(held["model"])
    return model.eval()


if __name__ == "__main__":
    main(float(sys.argv[1]))
