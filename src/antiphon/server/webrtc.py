"""A call: what a realtime socket is, over WebRTC. Events go through a data channel, sound beside them through tracks.

    browser   microphone ──Opus──> Call ── input_audio_buffer.append ──> Connection
              "oai-events"  <────>  ·   <── all events but sound ───────     ·
              loudspeaker <─Opus── Speaker <── response.output_audio.delta ──┘

To the connection a call is a socket like any other. What a client of a socket does with sound is done here, since the
sound is paced here: it is known what was played, so whoever cuts in silences the speaker, and the item is truncated to
what was heard. Needs the extra `[webrtc]` (aiortc).
"""

import asyncio
import base64
import fractions
import json
import time
from collections import deque
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from starlette.datastructures import Headers, QueryParams

from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.server.protocol.ids import Ids

FRAME_MS = 20
FRAME = exact_div(SPOKEN_HZ * FRAME_MS, 1000)  # samples of one frame of the speaker
SAMPLE_BYTES = 2
HEARD_FRAMES = 3  # frames of the microphone that make one event
MOST_WAITING = 512  # messages of a client that wait to be read
CLOSED: dict[str, Any] = {"type": "websocket.disconnect", "code": 1000}
FORMATS = ("input", "output")


@dataclass
class Playing:
    """Sound that waits to be played: of which response and item, and its place in the item."""

    response: str
    item: str
    data: bytes
    start_ms: float


class Speaker(MediaStreamTrack):
    """The track that a client listens to: what is there, or silence, a frame of 20 ms at a time, by the clock."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queued: deque[Playing] = deque()
        self._sizes: dict[str, int] = {}  # bytes of each item so far
        self._begun: float | None = None
        self._count = 0
        self.ended = asyncio.Event()  # nothing waits any more

    def push(self, response: str, item: str, data: bytes) -> None:
        """More of an item, PCM16 at 24 kHz."""
        before = self._sizes.get(item, 0)
        self._sizes[item] = before + len(data)
        for at in range(0, len(data), FRAME * SAMPLE_BYTES):
            start_ms = (before + at) / SAMPLE_BYTES * 1000 / SPOKEN_HZ
            self._queued.append(Playing(response, item, data[at : at + FRAME * SAMPLE_BYTES], start_ms))
        self.ended.clear()

    def clear(self) -> tuple[str, str, int] | None:
        """Throw away what waits: the response and the item that were cut, and how many ms of it were played."""
        if not self._queued:
            return None
        first = self._queued[0]
        self._queued.clear()
        self._sizes.clear()
        self.ended.set()
        return first.response, first.item, round(first.start_ms)

    async def recv(self) -> av.AudioFrame:
        """The next frame, when it is time."""
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        await asyncio.sleep(max(0.0, self._begun + self._count * FRAME_MS / 1000 - now))
        data = b""
        if self._queued:
            data = self._queued.popleft().data
            if not self._queued:
                self.ended.set()
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(data.ljust(FRAME * SAMPLE_BYTES, b"\0"))
        frame.pts, frame.sample_rate, frame.time_base = self._count * FRAME, SPOKEN_HZ, fractions.Fraction(1, SPOKEN_HZ)
        self._count += 1
        return frame


class Call:
    """One client over WebRTC, with the face of a socket."""

    def __init__(self, ids: Ids, query: Mapping[str, str]) -> None:
        self.ids = ids
        self.scope: MutableMapping[str, Any] = {"subprotocols": ()}
        self.headers, self.query_params = Headers({}), QueryParams(dict(query))
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._speaker = Speaker()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)
        self._events: RTCDataChannel | None = None
        self._early: list[str] = []  # events before the channel is open
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_over = False
        self._cuts = True  # whether who speaks silences the speaker
        self._playing = ""  # the response whose sound is on its way
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str) -> str:
        """The answer to a client's offer, both SDP.

        Raises:
            InputError: the offer is none, or has no sound.
        """
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
            if not any(t.kind == "audio" for t in self._peer.getTransceivers()):
                raise ValueError("no sound")
            self._peer.addTrack(self._speaker)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # the parser raises what it likes
            await self._peer.close()
            raise InputError("the body is no offer with a sound track in it; send the SDP of createOffer().") from error
        return str(self._peer.localDescription.sdp)

    # --- the face of a socket ------------------------------------------------------------------------------------

    async def accept(self, subprotocol: str | None = None) -> None:
        """A call is there when it is answered."""

    async def receive(self) -> dict[str, Any]:
        """The client's next message; behind the last one, that it has gone."""
        if self._is_over and self._incoming.empty():
            return CLOSED
        return await self._incoming.get()

    async def send_text(self, text: str) -> None:
        """One event; its sound goes to the speaker."""
        event = json.loads(text)
        kind = event["type"]
        if kind == "response.output_audio.delta":
            self._speak(event)
            return
        self._tell(text)
        if kind in ("session.created", "session.updated"):
            heard = event["session"]["audio"].get("input") or {}
            turns = heard.get("turn_detection") or {}
            self._cuts = bool(turns.get("interrupt_response", True))
        cancelled = kind == "response.done" and event["response"]["status"] == "cancelled"
        if cancelled or (kind == "input_audio_buffer.speech_started" and self._cuts):
            self._silence()

    async def close(self, code: int = 1000) -> None:
        """Hang up."""
        for task in list(self._tasks):
            task.cancel()
        await self._peer.close()

    # --- the client ----------------------------------------------------------------------------------------------

    def _on_channel(self, channel: RTCDataChannel) -> None:
        self._events = channel
        channel.on("message", self._on_message)
        early, self._early = self._early, []
        for text in early:
            self._tell(text)

    def _on_message(self, data: str | bytes) -> None:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            event = None  # the connection says what is wrong with it
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "output_audio_buffer.clear":
            self._silence()
            return
        if kind == "session.update" and isinstance(event, dict):
            text = json.dumps(without_formats(event))
        self._hand_on({"type": "websocket.receive", "text": text})

    def _hand_on(self, message: dict[str, Any]) -> None:
        try:
            self._incoming.put_nowait(message)
        except asyncio.QueueFull:  # it floods, and is not listened to any more
            self._begin(self.close())

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._begin(self._listen(track))

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed") and not self._is_over:
            self._is_over = True
            if not self._incoming.full():  # else whoever reads on finds the end behind the rest
                self._incoming.put_nowait(CLOSED)

    async def _listen(self, track: MediaStreamTrack) -> None:
        """The microphone, as the events by which a socket sends its sound."""
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=SPOKEN_HZ)
        heard = bytearray()
        try:
            while True:
                sound = await track.recv()
                assert isinstance(sound, av.AudioFrame)
                for frame in to_mono.resample(sound):
                    heard += np.ascontiguousarray(frame.to_ndarray()).tobytes()
                if len(heard) >= HEARD_FRAMES * FRAME * SAMPLE_BYTES:
                    data = base64.b64encode(bytes(heard)).decode()
                    text = json.dumps({"type": "input_audio_buffer.append", "audio": data})
                    await self._incoming.put({"type": "websocket.receive", "text": text})
                    heard.clear()
        except MediaStreamError:
            return  # the client has stopped it

    # --- the speaker ---------------------------------------------------------------------------------------------

    def _speak(self, event: Mapping[str, Any]) -> None:
        response = event["response_id"]
        self._speaker.push(response, event["item_id"], base64.b64decode(event["delta"]))
        if self._playing != response:
            self._playing = response
            self._notify("started", response)
            self._begin(self._watch(response))

    async def _watch(self, response: str) -> None:
        """Tell when a response has been played to its end."""
        await self._speaker.ended.wait()
        if self._playing == response:
            self._playing = ""
            self._notify("stopped", response)

    def _silence(self) -> None:
        """Stop the speaker, and let the conversation know what was heard."""
        cut = self._speaker.clear()
        if cut is None:
            return
        response, item, played_ms = cut
        self._playing = ""
        self._notify("cleared", response)
        told = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": played_ms}
        self._hand_on({"type": "websocket.receive", "text": json.dumps(told)})

    def _notify(self, what: str, response: str) -> None:
        event = {"type": f"output_audio_buffer.{what}", "event_id": self.ids.event(), "response_id": response}
        self._tell(json.dumps(event))

    def _tell(self, text: str) -> None:
        if self._events is None:
            self._early.append(text)
        elif self._events.readyState == "open":
            self._events.send(text)

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def without_formats(event: dict[str, Any]) -> dict[str, Any]:
    """A `session.update` without formats of sound: here they are the tracks' own."""
    session = event.get("session")
    audio = session.get("audio") if isinstance(session, dict) else None
    if not isinstance(audio, dict):
        return event
    kept = {
        side: {name: value for name, value in what.items() if name != "format"}
        if side in FORMATS and isinstance(what, dict)
        else what
        for side, what in audio.items()
    }
    return {**event, "session": {**session, "audio": kept}}  # type: ignore[dict-item]
