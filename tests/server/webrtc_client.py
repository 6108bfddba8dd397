"""A browser's side of a call: a recording for a microphone, a recorder for a loudspeaker, a channel for events."""

import asyncio
import fractions
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from antiphon.audio.resample import resample
from antiphon.audio.wave import Audio

from .running import Running

RATE, FRAME = 48_000, 960
PATIENCE_S = 120


class Microphone(MediaStreamTrack):
    """Silence, and whatever is to be said, in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.saying: npt.NDArray[np.int16] = np.zeros(0, np.int16)
        self._count, self._begun = 0, time.monotonic()

    def say(self, audio: Audio) -> None:
        """From now on."""
        wave = resample(audio.samples[0], audio.rate, RATE).numpy()
        self.saying = (wave * 32767).astype(np.int16)

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(max(0.0, self._begun + self._count * FRAME / RATE - time.monotonic()))
        data, self.saying = self.saying[:FRAME], self.saying[FRAME:]
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(np.pad(data, (0, FRAME - len(data))).tobytes())
        frame.pts, frame.sample_rate, frame.time_base = self._count * FRAME, RATE, fractions.Fraction(1, RATE)
        self._count += 1
        return frame


class Caller:
    """One call."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.peer.addTrack(self.microphone)
        self.channel = self.peer.createDataChannel("oai-events")
        self.seen: list[dict[str, Any]] = []
        self.heard: list[npt.NDArray[np.int16]] = []
        self.place = ""
        self._news: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.channel.on("message", lambda text: self._news.put_nowait(json.loads(text)))
        self.peer.on("track", lambda track: self._tasks.append(asyncio.ensure_future(self._listen(track))))

    async def _listen(self, track: MediaStreamTrack) -> None:
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        try:
            while True:
                sound = await track.recv()
                assert isinstance(sound, av.AudioFrame)
                self.heard += [frame.to_ndarray()[0] for frame in to_mono.resample(sound)]
        except MediaStreamError:
            return

    async def take(self) -> dict[str, Any]:
        event = await asyncio.wait_for(self._news.get(), PATIENCE_S)
        self.seen.append(event)
        return event

    async def until(self, kind: str) -> dict[str, Any]:
        """The first event of a kind from now on."""
        while (event := await self.take())["type"] != kind:
            assert event["type"] != "error", event
        return event

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    def loudness(self, last: int) -> float:
        """The largest sample of the last frames that were heard, as a share of the scale."""
        return max(float(np.abs(frame.astype(np.int32)).max()) for frame in self.heard[-last:]) / 32768


@asynccontextmanager
async def called(server: Running) -> AsyncIterator[Caller]:
    """A call that is answered."""
    caller = Caller()
    await caller.peer.setLocalDescription(await caller.peer.createOffer())
    answer = await asyncio.to_thread(
        server.ask, "POST", "/v1/realtime/calls", caller.peer.localDescription.sdp, {"content-type": "application/sdp"}
    )
    assert answer.status == 201, answer
    caller.place = answer.headers["location"]
    await caller.peer.setRemoteDescription(RTCSessionDescription(sdp=answer.body.decode(), type="answer"))
    try:
        await caller.until("session.created")
        yield caller
    finally:
        await caller.peer.close()
        for task in caller._tasks:
            task.cancel()
        await asyncio.gather(*caller._tasks, return_exceptions=True)
