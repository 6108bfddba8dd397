"""Speaker net: a clip becomes the vector that says whose voice it is (CAM++, run as the released ONNX graph)."""

from pathlib import Path

import onnxruntime
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.fbank import fbank
from antiphon.errors import WeightsError


class SpeakerNet:
    """The graph in an ONNX Runtime session on one CPU thread; it runs once a voice."""

    def __init__(self, graph: Path | str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime raises a dozen kinds of its own
            message = " ".join(str(error).split())[:200]
            raise WeightsError(f"{graph} is no graph that ONNX Runtime can run ({message}); check the file.") from error
        self.input = self.session.get_inputs()[0].name

    def __call__(self, wave: Float[Tensor, " n"]) -> Float[Tensor, "1 d"]:
        """The embedding of a clip at 16 kHz, not normalised. Raises InputError below 25 ms."""
        bands = fbank(wave.cpu())
        bands = bands - bands.mean(0)  # per band, over the clip
        vector = self.session.run(None, {self.input: bands[None].numpy()})[0]
        return torch.from_numpy(vector).reshape(1, -1).to(wave.device)
