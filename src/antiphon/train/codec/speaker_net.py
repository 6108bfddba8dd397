"""A small speaker net to train, and its ONNX form, which the runtime reads as it reads the released one.

    Kaldi bands [b, t, 80] ─convolutions─ mean and deviation over time ─ projection ─> vector [b, d]
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from antiphon.audio.fbank import NUM_BINS

FLOOR = 1e-6  # variance below this is none
OPSET, IR = 18, 9  # of the file: what ONNX Runtime 1.18 reads


@dataclass(frozen=True, kw_only=True)
class SpeakerSizes:
    """Sizes of the net; the flow's `speaker_dim` is `dim`."""

    width: int = 96
    dim: int = 192
    kernel: int = 5
    num_convs: int = 3


class SpeakerConvs(nn.Module):
    """Convolutions (the first halves the rate), mean and deviation over time, one projection."""

    def __init__(self, sizes: SpeakerSizes) -> None:
        super().__init__()
        self.sizes, width = sizes, sizes.width
        self.convs = nn.ModuleList(
            nn.Conv1d(width if i else NUM_BINS, width, sizes.kernel, stride=1 if i else 2)
            for i in range(sizes.num_convs)
        )
        self.out = nn.Linear(2 * width, sizes.dim)

    def forward(self, x: Float[Tensor, "b t f"]) -> Float[Tensor, "b d"]:
        """The vector of each clip's voice, not normalised."""
        x = x.mT  # b t f -> b f t
        for conv in self.convs:
            x = F.relu(conv(x))
        x = x.float()
        mean = x.mean(-1)
        spread = (x.square().mean(-1) - mean.square()).clamp(min=FLOOR).sqrt()
        y: Tensor = self.out(torch.cat([mean, spread], dim=-1))
        return y


def write_onnx(net: SpeakerConvs, path: Path) -> None:
    """The net by its operators: input [B, T, 80], output [B, d]."""
    weights = {name: tensor.detach().cpu().float().numpy() for name, tensor in net.state_dict().items()}
    tensors = [numpy_helper.from_array(weight, name) for name, weight in weights.items()]
    tensors.append(numpy_helper.from_array(np.array([FLOOR], np.float32), "floor"))
    tensors.append(numpy_helper.from_array(np.array([2], np.int64), "time"))
    nodes, at = [helper.make_node("Transpose", ["input"], ["x0"], perm=[0, 2, 1])], "x0"
    for i, conv in enumerate(net.convs):
        assert isinstance(conv, nn.Conv1d)
        inputs = [at, f"convs.{i}.weight", f"convs.{i}.bias"]
        nodes.append(helper.make_node("Conv", inputs, [f"c{i}"], strides=list(conv.stride)))
        at = f"x{i + 1}"
        nodes.append(helper.make_node("Relu", [f"c{i}"], [at]))
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
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["B", "T", NUM_BINS])
    made = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["B", net.sizes.dim])
    graph = helper.make_graph(nodes, "speaker", [given], [made], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
