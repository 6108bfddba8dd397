"""Train nano's speaker net: which of the corpus's voices is this? The layer before the answer is the embedding.

    python -m recipes.nano.speaker train MINUTES | export FILE

It reads the same 80-bin Kaldi features as the released one and is exported to ONNX with the same input and output.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from antiphon.audio.fbank import fbank
from recipes.nano.features import Clip, clips
from recipes.nano.loop import latest, one_thread, train

RUN = Path("runs/speaker")
WIDTH, DIM, FRAMES = 96, 192, 150
SHARPNESS, MARGIN = 20.0, 0.1


class SpeakerNet(nn.Module):
    """Three convolutions, mean and deviation over time, one projection."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(80 if i == 0 else WIDTH, WIDTH, 5, stride=2 if i == 0 else 1) for i in range(3)
        )
        self.out = nn.Linear(2 * WIDTH, DIM)

    def forward(self, x: Tensor) -> Tensor:
        """[b, t, 80] to [b, 192]."""
        x = x.mT
        for conv in self.convs:
            x = F.relu(conv(x))
        mean = x.mean(-1)
        spread = (x.square().mean(-1) - mean.square()).clamp(min=1e-6).sqrt()
        y: Tensor = self.out(torch.cat([mean, spread], dim=-1))
        return y


def features(clip: Clip, rate: int) -> np.ndarray:
    """Kaldi features of a clip, minus their mean."""
    from scipy.signal import resample_poly

    wave = clip.wave.astype(np.float32) / 32768
    wave = wave if rate == 16000 else resample_poly(wave, 2, 3).astype(np.float32)
    x = fbank(torch.from_numpy(wave))
    return (x - x.mean(0)).numpy().astype(np.float16)


def main(minutes: float) -> None:
    one_thread()
    torch.manual_seed(6)
    held = [c for name in ("heard", "target") for c in clips(name, 2500) if len(c.wave) > 20000]
    names = sorted({c.row["voice"] for c in held})
    data = [(features(c, c.row["rate"]), names.index(c.row["voice"])) for c in held]
    data = [d for d in data if len(d[0]) > FRAMES]
    dev, data = data[::20], [d for i, d in enumerate(data) if i % 20]
    model = SpeakerNet()
    model.register_parameter("classes", nn.Parameter(torch.randn(len(names), DIM)))
    print(len(data), "clips", len(names), "voices", flush=True)

    def scores(x: Tensor) -> Tensor:
        return F.normalize(model(x).float(), dim=-1) @ F.normalize(model.classes, dim=-1).T  # type: ignore[arg-type]

    def losses(step: int) -> dict[str, Tensor]:
        rng, picked, labels = np.random.default_rng([6, step]), [], []
        for i in rng.integers(0, len(data), 64):
            x, label = data[i]
            at = rng.integers(0, len(x) - FRAMES + 1)
            picked.append(x[at : at + FRAMES].astype(np.float32))
            labels.append(label)
        label = torch.tensor(labels)
        cosine = scores(torch.from_numpy(np.stack(picked)))
        cosine = cosine - MARGIN * F.one_hot(label, len(names))
        return {"voice": F.cross_entropy(SHARPNESS * cosine, label)}

    def evaluate() -> dict[str, float]:
        right = sum(int(scores(torch.from_numpy(x.astype(np.float32))[None]).argmax()) == y for x, y in dev)
        return {"voice": round(right / len(dev), 4), "voices": len(names)}

    train(RUN, model, losses, minutes=minutes, lr=2e-3, evaluate=evaluate, evaluate_every=1)


def export(path: Path) -> None:
    """Write the net as ONNX, by its operators: input [B, T, 80], output [B, 192]."""
    held: Any = latest(RUN)
    weights = {k: v.numpy().astype(np.float32) for k, v in held["model"].items() if k != "classes"}
    tensors = [numpy_helper.from_array(v, k) for k, v in weights.items()]
    tensors.append(numpy_helper.from_array(np.array([1e-6], np.float32), "floor"))
    tensors.append(numpy_helper.from_array(np.array([2], np.int64), "time"))
    nodes, at = [helper.make_node("Transpose", ["input"], ["x0"], perm=[0, 2, 1])], "x0"
    for i in range(3):
        stride = 2 if i == 0 else 1
        nodes.append(
            helper.make_node("Conv", [at, f"convs.{i}.weight", f"convs.{i}.bias"], [f"c{i}"], strides=[stride])
        )
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"]))
        at = f"x{i + 1}"
    nodes += [
        helper.make_node("ReduceMean", [at, "time"], ["mean"], keepdims=0),
        helper.make_node("Mul", [at, at], ["square"]),
        helper.make_node("ReduceMean", ["square", "time"], ["power"], keepdims=0),
        helper.make_node("Mul", ["mean", "mean"], ["mean2"]),
        helper.make_node("Sub", ["power", "mean2"], ["variance"]),
        helper.make_node("Max", ["variance", "floor"], ["held"]),
        helper.make_node("Sqrt", ["held"], ["spread"]),
        helper.make_node("Concat", ["mean", "spread"], ["both"], axis=1),
        helper.make_node("Gemm", ["both", "out.weight", "out.bias"], ["output"], transB=1),
    ]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["B", "T", 80])
    made = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["B", DIM])
    graph = helper.make_graph(nodes, "speaker", [given], [made], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


if __name__ == "__main__":
    main(float(sys.argv[2])) if sys.argv[1] == "train" else export(Path(sys.argv[2]))
