"""Is somebody speaking? silero's network by onnxruntime, a probability for every 32 ms of sound.

    stream   |····512····|····512····|····512····|·rest
    network      64+512 ───> 64+512 ───> 64+512            64: the end of the frame before

The weights are those of the package `silero-vad` (MIT), read as a file: importing that package would load torch for a
network of one megabyte. One `Vad` serves every stream, for what a stream has heard is its `VadState`.
"""

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float
from numpy import ndarray

from antiphon.errors import ConfigError, InputError
from antiphon.rates import HEARD_HZ, exact_div

FRAME = 512  # samples judged at once
FRAME_MS = exact_div(1000 * FRAME, HEARD_HZ)  # 32
CONTEXT = 64  # samples of the frame before that the network sees again
WIDTH = 128  # of the network's recurrent layer


@dataclass(frozen=True, eq=False)
class VadState:
    """What one stream has heard, and the samples that do not fill a frame yet."""

    recurrent: Float[ndarray, "2 1 128"]
    context: Float[ndarray, " context"]
    rest: Float[ndarray, " rest"]


@dataclass(frozen=True)
class Vad:
    """Voice activity at 16 kHz. `path` is silero's ONNX file."""

    path: Path

    @classmethod
    def find(cls) -> "Vad":
        """The network of the installed package. A ConfigError where it is missing."""
        spec = find_spec("silero_vad")  # looks, and does not import
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / "data" / "silero_vad.onnx"
            if path.is_file():
                return cls(path)
        raise ConfigError("the voice activity network is not installed; run: pip install 'antiphon[live]'")

    @cached_property
    def network(self) -> onnxruntime.InferenceSession:
        """Loaded at first use; one thread, for a frame is too little work to share out."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])

    def init_state(self) -> VadState:
        """A stream that has heard nothing."""
        zeros = [np.zeros(shape, np.float32) for shape in ((2, 1, WIDTH), (CONTEXT,), (0,))]
        return VadState(*zeros)

    def step(self, chunk: Float[ndarray, " n"], state: VadState) -> tuple[Float[ndarray, " t"], VadState]:
        """Probabilities of speech in the frames that `chunk` completes (none, one or many), and what was heard.

        `chunk`: samples at 16 kHz, full scale 1, any number of them. An InputError if one is not a finite number.
        """
        if not np.isfinite(chunk).all():
            raise InputError("the sound holds samples that are not finite numbers; send samples between -1 and 1")
        sound = np.concatenate([state.rest, chunk.astype(np.float32)])
        whole = len(sound) // FRAME * FRAME
        recurrent, context, heard = state.recurrent, state.context, list[float]()
        for frame in sound[:whole].reshape(-1, FRAME):
            seen = np.concatenate([context, frame])[None]  # 1 context+512
            rate = np.array(HEARD_HZ, np.int64)
            probability, recurrent = self.network.run(None, {"input": seen, "state": recurrent, "sr": rate})
            context = frame[-CONTEXT:].copy()
            heard.append(float(probability[0, 0]))
        return np.array(heard, np.float32), VadState(recurrent, context, sound[whole:].copy())
