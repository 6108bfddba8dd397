"""Weights of the speech tokenizer, read out of its ONNX export and written as such a container again.

The graph is walked, not run: each node says by its name which layer it is, and each of its inputs that is an
initializer is a weight of that layer. Rank-2 weights are stored [in, out] and turned. The weights that the export names
by number (the two convolutions, the code book's projection) are taken by those numbers, or else by their consumer: the
first and second convolution outside the blocks, and the last matrix product there.
"""

import re
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from antiphon.errors import WeightsError
from antiphon.weights.tensors import Store, in_memory

NUMBERED = {
    "onnx::Conv_2216": "encoder.conv1.weight",
    "onnx::Conv_2217": "encoder.conv1.bias",
    "onnx::Conv_2218": "encoder.conv2.weight",
    "onnx::Conv_2219": "encoder.conv2.bias",
    "onnx::MatMul_2536": "quantizer._codebook.project_down.weight",
    "quantizer.project_in.bias": "quantizer._codebook.project_down.bias",
}
BLOCK = re.compile(r"/blocks\.(\d+)/(attn|mlp|attn_ln|mlp_ln)/(?:(query|key|value|out|fsmn_block|mlp\.[02])/)?(\w+)")
ROLES = {"MatMul": "weight", "Gemm": "weight", "Conv": "weight", "Add": "bias"}
OLDER_NORM = {"Mul": "weight", "Add_1": "bias"}  # a layer norm written out; its "Add" adds the epsilon


def open_onnx_tokenizer(path: Path) -> Store:
    """The tensors of the export under their torch names. Raises WeightsError for a file that is no such export."""
    graph = _read(path)
    held = {i.name: i for i in graph.initializer}
    source: dict[str, str] = {}  # torch name -> initializer
    for node in graph.node:
        for role, name in enumerate(node.input):
            if name in held and (ours := _in_block(node.name, role)) and source.setdefault(ours, name) != name:
                raise WeightsError(f"{path} gives {ours} twice; use the released export.")
    inside = set(source.values())
    for name, ours in NUMBERED.items():
        if name in held and name not in inside:
            source[ours] = name
    _by_consumer(graph, held, source)
    if not source:
        raise WeightsError(f"{path} holds no weight of a speech tokenizer; use the released export.")
    return in_memory(str(path), {ours: _tensor(path, held[name]) for ours, name in source.items()})


def _tensor(path: Path, stored: onnx.TensorProto) -> Tensor:
    if stored.data_location == onnx.TensorProto.EXTERNAL:
        raise WeightsError(
            f"{path} keeps {stored.name} in another file; the released export holds its weights: use that."
        )
    tensor = torch.from_numpy(numpy_helper.to_array(stored).copy())
    return tensor.T.contiguous() if tensor.dim() == 2 else tensor


def _read(path: Path) -> onnx.GraphProto:
    try:
        return onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf raises classes of its own, by version
        raise WeightsError(f"{path} could not be read as ONNX ({error}); fetch it again.") from error


def _in_block(node: str, role: int) -> str | None:
    """The torch name of input `role` of a node in a block; None for a node elsewhere or a constant."""
    match = BLOCK.fullmatch(node)
    if match is None:
        return None
    layer, part, inner, op = match.groups()
    if op == "LayerNormalization":
        kind = {1: "weight", 2: "bias"}.get(role)
    else:
        kind = (ROLES if inner else OLDER_NORM).get(op)
    if kind is None or (part in ("attn", "mlp")) != (inner is not None):
        return None
    inner = "" if inner is None else "." + inner.removeprefix("mlp.")
    return f"encoder.blocks.{layer}.{part}{inner}.{kind}"


def _by_consumer(graph: onnx.GraphProto, held: dict[str, onnx.TensorProto], source: dict[str, str]) -> None:
    """Find what the numbers did not: convolutions in graph order, and the projection beside the quantizer."""
    outside = [node for node in graph.node if not node.name.startswith("/blocks.")]
    for index, node in enumerate([n for n in outside if n.op_type == "Conv"][:2], start=1):
        weights = [name for name in node.input if name in held]
        for kind, name in zip(("weight", "bias"), weights, strict=False):
            source.setdefault(f"encoder.conv{index}.{kind}", name)
    project = "quantizer._codebook.project_down"
    products = [n for n in outside if n.op_type in ("MatMul", "Gemm")]
    matrices = [i for n in products for i in n.input if i in held and len(held[i].dims) == 2]
    if matrices:
        source.setdefault(f"{project}.weight", matrices[-1])
    if (weight := source.get(f"{project}.weight")) is None:
        return
    width = [held[weight].dims[-1]]
    adding = [n for n in outside if n.op_type in ("Gemm", "Add")]
    biases = [i for n in adding for i in n.input if i in held and list(held[i].dims) == width]
    if biases:
        source.setdefault(f"{project}.bias", biases[-1])


def write_onnx_tokenizer(tensors: dict[str, Tensor], path: Path) -> None:
    """A weight container with the node and initializer names of the export: readable as above, not executable."""
    by_torch = {ours: name for name, ours in NUMBERED.items()}
    nodes, initializers = [], []
    for number, (ours, tensor) in enumerate(tensors.items()):
        name = by_torch.get(ours) or (
            ours.removeprefix("encoder.") if tensor.dim() != 2 else f"onnx::MatMul_{3001 + number}"
        )
        stored = tensor.detach().cpu()
        stored = stored.float() if stored.dtype == torch.bfloat16 else stored  # which has no NumPy form
        initializers.append(
            numpy_helper.from_array((stored.T if stored.dim() == 2 else stored).contiguous().numpy(), name)
        )
        op, node, role = _node_of(ours)
        inputs = ["x"] * (role + 1)
        inputs[role] = name
        nodes.append(onnx.helper.make_node(op, inputs, [f"t{number}"], name=node))
    value = onnx.helper.make_tensor_value_info
    start, end = (value(name, onnx.TensorProto.FLOAT, None) for name in ("mels", "x"))
    graph = onnx.helper.make_graph(_merge(nodes), "weights", [start], [end], initializers)
    onnx.save(onnx.helper.make_model(graph, producer_name="antiphon"), str(path))


def _node_of(ours: str) -> tuple[str, str, int]:
    """Operator, node name and input index under which a tensor is stored."""
    layer, kind = ours.removeprefix("encoder.").rsplit(".", 1)
    role = 1 if kind == "weight" else 2
    if layer in ("conv1", "conv2"):
        return "Conv", f"/{layer}/Conv", role
    if layer.startswith("quantizer"):
        op = "MatMul" if kind == "weight" else "Add"
        return op, f"/quantizer/project_in/{op}", 1 if kind == "weight" else 0
    block, index, part, *inner = layer.split(".")
    if part.endswith("_ln"):
        return "LayerNormalization", f"/{block}.{index}/{part}/LayerNormalization", role
    leaf = "mlp." + inner[0] if part == "mlp" else inner[0]
    op = "Conv" if leaf == "fsmn_block" else "MatMul" if kind == "weight" else "Add"
    return op, f"/{block}.{index}/{part}/{leaf}/{op}", 1 if kind == "weight" else 0


def _merge(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """One node per name: weight and bias of one operator meet in it."""
    merged: dict[str, onnx.NodeProto] = {}
    for node in nodes:
        if (first := merged.setdefault(node.name, node)) is not node:
            inputs = list(first.input) + ["x"] * (len(node.input) - len(first.input))
            for role, name in enumerate(node.input):
                if name != "x":
                    inputs[role] = name
            del first.input[:]
            first.input.extend(inputs)
    return list(merged.values())
