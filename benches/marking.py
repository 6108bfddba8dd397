"""What the mark costs and how often its detector errs:  python -m benches.marking --out benches/results/marking.json

    unmarked   clips that bear no mark: how many are told to be marked (there should be none), how high they score
    marked     the same voices with the mark: how many are found again after codecs, other rates and cropping
    heard      word error rates of a recogniser that knows nothing of nano: what nano says, without the mark and with it
    cost       CPU seconds of marking and of looking for a second of sound, on one thread

Clips are cut from the training corpus (`python -m recipes.corpus_nano`; `--corpus` names its folder), utterances joined
as they come: unmarked ones of 3 to 4 s, since short ones leave most to chance, marked ones of 11 to 13 s. Codecs are
ffmpeg's, a Debian package; without it their rows are left out. What people hear: `benches.listening`.
"""

import argparse
import json
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from antiphon.audio.wave import Audio
from antiphon.data.store import read_shard, shard_numbers
from antiphon.marking.detect import DOUBTFUL, PRESENT, detect
from antiphon.marking.mark import MarkState, mark
from antiphon.metrics.interval import wilson
from antiphon.metrics.wer import wer
from antiphon.rates import SPOKEN_HZ
from benches.listening import nano_says, sentences

UNMARKED_S, MARKED_S = (3.0, 4.0), (11.0, 13.0)  # how long clips are
CHUNK = 9_600  # samples of a stream
Change = Callable[[Audio], Audio]


def clips(folders: list[Path], count: int, lengths: tuple[float, float], seed: int = 0) -> Iterator[Audio]:
    """So many clips of different lengths, each from its own place of the corpus."""
    chance, number = np.random.default_rng(seed), 0
    for folder in folders:
        for shard in shard_numbers(folder):
            held, wanted, rate = np.zeros(0, np.float32), 0, 0
            for item in read_shard(folder, shard):
                rate = int(item.row["rate"])
                wanted = wanted or round(chance.uniform(*lengths) * rate)
                held = np.concatenate([held, item.audio])
                if len(held) >= wanted:
                    yield Audio(torch.from_numpy(held[:wanted])[None], rate)
                    held, wanted, number = np.zeros(0, np.float32), 0, number + 1
                    if number == count:
                        return


def marked(clip: Audio) -> Audio:
    """A clip as it would leave a model."""
    wave = clip.mean().at(SPOKEN_HZ).samples[0].numpy()
    return Audio(torch.from_numpy(mark(wave)[0])[None], SPOKEN_HZ)


def coded(options: str, ending: str) -> Change:
    """Through a codec of ffmpeg and back."""

    def change(sound: Audio) -> Audio:
        with tempfile.TemporaryDirectory() as folder:
            before, after, back = (Path(folder) / name for name in ("a.wav", f"b{ending}", "c.wav"))
            sound.write(before)
            run = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-i"]
            subprocess.run([*run, before, *options.split(), after], check=True)
            subprocess.run([*run, after, back], check=True)
            return Audio.read(back)

    return change


def changes() -> dict[str, Change]:
    """What happens to recordings."""
    found: dict[str, Change] = {
        "none": lambda sound: sound,
        "16 kHz": lambda sound: sound.at(16_000),
        "8 kHz": lambda sound: sound.at(8_000),
        "cropped to 3 s": lambda sound: Audio(sound.samples[:, -3 * sound.rate - 777 :], sound.rate).cut(3.0),
    }
    if shutil.which("ffmpeg"):
        found["MP3 64k"] = coded("-c:a libmp3lame -b:a 64k", ".mp3")
        found["Opus 32k"] = opus = coded("-c:a libopus -b:a 32k", ".opus")
        found["Opus 32k, cropped to 3 s"] = lambda sound: found["cropped to 3 s"](opus(sound))
        found["Opus 16k"] = coded("-c:a libopus -b:a 16k", ".opus")
    return found


def unmarked_figures(folders: list[Path], count: int) -> dict[str, object]:
    """How often the mark is found where it is not."""
    found = [detect(clip) for clip in clips(folders, count, UNMARKED_S)]
    scores, wrong = np.array([f.score for f in found]), sum(f.verdict == "present" for f in found)
    rate = wilson(wrong, len(found))
    return {
        "clips": len(found),
        "hours": sum(f.duration_s for f in found) / 3600,
        "said present": wrong,
        "rate": rate.value,
        "95 %": [rate.low, rate.high],
        "inconclusive": sum(f.verdict == "inconclusive" for f in found),
        "mean score": float(scores.mean()),
        "highest scores": sorted(scores.round(2).tolist())[-5:],
    }


def marked_figures(folders: list[Path], count: int) -> dict[str, object]:
    """How often it is found where it is, and how loud it is."""
    sounds = [(clip, marked(clip)) for clip in clips(folders, count, MARKED_S, seed=1)]
    table: dict[str, object] = {}
    for name, change in changes().items():
        scores = np.array([detect(change(sound)).score for _, sound in sounds])
        rate = wilson(int((scores >= PRESENT).sum()), len(scores))
        low = np.quantile(scores, (0, 0.1, 0.5)).round(1).tolist()
        table[name] = {"found": rate.value, "95 %": [rate.low, rate.high], "scores: lowest, 10 %, median": low}
    ratios = np.quantile([_snr(clip, sound) for clip, sound in sounds], (0, 0.5)).round(1).tolist()
    return {"clips": len(sounds), "SNR dB: lowest, median": ratios, "changes": table}


def _snr(clip: Audio, sound: Audio) -> float:
    wave = clip.mean().at(SPOKEN_HZ).samples[0].numpy()
    return float(10 * np.log10(np.square(wave).sum() / np.square(sound.samples[0].numpy() - wave).sum()))


def heard_figures(count: int) -> dict[str, object]:
    """What a recogniser understands of so many sentences, without the mark and with it."""
    from recipes.judge.model import PocketsphinxJudge

    judge, texts = PocketsphinxJudge(), sentences(count)
    sounds = {"unmarked": list(nano_says(texts))}
    sounds["marked"] = [mark(wave)[0] for wave in sounds["unmarked"]]
    heard = {kind: [judge.transcribe(wave, SPOKEN_HZ) for wave in waves] for kind, waves in sounds.items()}
    same = sum(a == b for a, b in zip(heard["unmarked"], heard["marked"], strict=True))
    rates = {kind: wer(texts, told).to_json() for kind, told in heard.items()}
    return {"sentences": count, "heard alike": same, **rates}


def cost(folders: list[Path]) -> dict[str, float]:
    """CPU seconds for a second of sound."""
    wave = np.concatenate([clip.at(SPOKEN_HZ).samples[0].numpy() for clip in clips(folders, 10, MARKED_S)])
    seconds = len(wave) / SPOKEN_HZ
    mark(wave[:CHUNK])  # the key's pattern is made once
    begin, state = time.process_time(), MarkState()
    for first in range(0, len(wave), CHUNK):
        _, state = mark(wave[first : first + CHUNK], state)
    middle = time.process_time()
    detect(Audio(torch.from_numpy(wave)[None], SPOKEN_HZ))
    return {"mark, chunks of 0.4 s": (middle - begin) / seconds, "detect": (time.process_time() - middle) / seconds}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="What the mark costs and how often its detector errs.")
    parser.add_argument("--corpus", type=Path, default=Path("runs/corpus"))
    parser.add_argument("--unmarked", type=int, default=10_000)
    parser.add_argument("--marked", type=int, default=100)
    parser.add_argument("--heard", type=int, default=30, help="sentences")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folders = sorted(folder for folder in arguments.corpus.iterdir() if shard_numbers(folder))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    figures = {
        "commit": commit,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "thresholds": {"present": PRESENT, "inconclusive": DOUBTFUL},
        "cost, CPU seconds a second": cost(folders),
        "marked": marked_figures(folders, arguments.marked),
        "unmarked": unmarked_figures(folders, arguments.unmarked),
        "heard": heard_figures(arguments.heard),
    }
    print(json.dumps(figures, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
