"""The machine's microphone and loudspeaker, by the library `sounddevice` (the extra `chat`)."""

import asyncio
import threading
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from antiphon.errors import ConfigError
from antiphon.rates import HEARD_HZ, SPOKEN_HZ

BLOCK = 640  # samples of the microphone at once, 40 ms


def _library() -> ModuleType:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the package, or the system's PortAudio
        raise ConfigError(
            f"this machine's sound cannot be used ({error}); run: pip install 'antiphon[chat]', or see --typed"
        ) from error
    found: ModuleType = sounddevice
    return found


async def listen() -> AsyncIterator[Tensor]:
    """What the microphone hears, at 16 kHz, until somebody stops it."""
    library, loop = _library(), asyncio.get_running_loop()
    heard: asyncio.Queue[Tensor] = asyncio.Queue()

    def take(data: Any, frames: int, time: Any, status: Any) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, torch.from_numpy(np.array(data[:, 0], np.float32)))

    try:
        stream = library.InputStream(HEARD_HZ, BLOCK, channels=1, dtype="float32", callback=take)
    except library.PortAudioError as error:
        raise ConfigError(f"there is no microphone to listen to ({error}); use --typed or --microphone.") from error
    with stream:
        while True:
            yield await heard.get()


class Loudspeaker:
    """Plays what is written to it, one after another; `hush` drops what has not sounded."""

    def __init__(self) -> None:
        self._library = _library()
        self._lock = threading.Lock()
        self._waiting = np.zeros(0, np.float32)

    def __enter__(self) -> "Loudspeaker":
        try:
            self._stream = self._library.OutputStream(SPOKEN_HZ, channels=1, dtype="float32", callback=self._give)
        except self._library.PortAudioError as error:
            raise ConfigError(f"there is no loudspeaker to speak with ({error}); name a file with -o.") from error
        self._stream.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def write(self, samples: Tensor) -> None:
        """More to play."""
        with self._lock:
            self._waiting = np.concatenate([self._waiting, samples.numpy()])

    def hush(self) -> None:
        """Silence at once."""
        with self._lock:
            self._waiting = np.zeros(0, np.float32)

    def _give(self, data: Any, frames: int, time: Any, status: Any) -> None:
        with self._lock:
            now, self._waiting = self._waiting[:frames], self._waiting[frames:]
        data[: len(now), 0] = now
        data[len(now) :] = 0
