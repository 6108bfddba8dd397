"""The page calls: sound through tracks, events through a channel. The other end is a peer of the same browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, Route, expect

from .browser import Console, chromium, events, peaks
from .played import lists, play

# Answers an offer: a tone comes back while `loud`; what the channel brings is kept, and `tell` sends through it.
PEER = """
async (offer) => {
  const peer = new RTCPeerConnection();
  const sound = new AudioContext();
  const tone = new OscillatorNode(sound, { frequency: 300 });
  window.loud = new GainNode(sound, { gain: 0 });
  const out = new MediaStreamAudioDestinationNode(sound);
  tone.connect(window.loud).connect(out);
  tone.start();
  window.heard = new AnalyserNode(sound);
  window.kept = [];
  peer.ontrack = ({ track }) => {
    const player = new Audio();
    player.srcObject = new MediaStream([track]);
    player.muted = true;
    player.play();
    sound.createMediaStreamSource(player.srcObject).connect(window.heard);
  };
  peer.ondatachannel = ({ channel }) => {
    window.tell = (event) => channel.send(JSON.stringify(event));
    channel.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      window.kept.push(event);
      if (event.type === "session.update") window.tell({ type: "session.updated", session: event.session });
    };
    channel.onopen = () => window.tell({ type: "session.created", session: {} });
    if (channel.readyState === "open") channel.onopen();
  };
  await peer.setRemoteDescription({ type: "offer", sdp: offer });
  peer.addTrack(out.stream.getTracks()[0], out.stream);
  await peer.setLocalDescription();
  await new Promise((done) => setTimeout(done, 1500));
  return peer.localDescription.sdp;
}
"""
LOUDNESS = """
() => {
  const samples = new Float32Array(2048);
  window.heard.getFloatTimeDomainData(samples);
  return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0) > 0.02;
}
"""
CLEARED = "() => window.kept.some((event) => event.type === 'output_audio_buffer.clear')"

pytestmark = pytest.mark.console


def called(console: Console) -> Page:
    """The page, which is to call."""
    console.look("settings")
    console.page.select_option("[name=link]", "call")
    console.page.wait_for_timeout(500)
    console.page.click("#talk")
    return console.page


def tell(page: Page, *told: dict[str, Any]) -> None:
    for event in told:
        page.evaluate("(event) => window.tell(event)", event)


def test_a_call_is_heard_answered_and_cut(playwright: Playwright, page_alone: str, nano: Path, tmp_path: Path) -> None:
    voice = f"--use-file-for-fake-audio-capture={nano / 'question.wav'}"  # again and again
    with chromium(playwright, None, "--use-fake-ui-for-media-stream", voice) as context:
        lists(context)
        other = context.new_page()
        other.goto(page_alone)

        def answer(route: Route) -> None:
            sdp = other.evaluate(PEER, route.request.post_data)
            route.fulfill(status=201, body=sdp, content_type="application/sdp")

        context.route("**/v1/realtime/calls", answer)
        console = Console.open(context, page_alone)
        page = called(console)
        console.reaches("listening")
        other.wait_for_function(LOUDNESS, polling=20)  # the microphone, through the track
        said = {"id": "a", "type": "message", "role": "assistant"}
        tell(
            other,
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.added", "response_id": "r", "item": said},
            {"type": "response.output_audio_transcript.delta", "item_id": "a", "delta": "on and on " * 30},
            {"type": "output_audio_buffer.started", "response_id": "r"},
        )
        other.evaluate("() => (window.loud.gain.value = 0.5)")
        console.reaches("speaking")
        page.wait_for_timeout(1500)
        page.keyboard.press("Escape")
        other.wait_for_function(CLEARED, polling=100)
        other.evaluate("() => (window.loud.gain.value = 0)")
        tell(other, {"type": "output_audio_buffer.cleared", "response_id": "r"})
        expect(page.locator("#said s")).to_have_count(1)
        kept = [event["type"] for event in other.evaluate("() => window.kept")]
        assert {"response.cancel", "conversation.item.retrieve"} <= set(kept)
        assert "input_audio_buffer.append" not in kept and "conversation.item.truncate" not in kept
        (cut,) = events(console.session(tmp_path / "session.json"), "page.cut")
        assert cut["item_id"] == "a" and 500 < cut["heard_ms"] < 60_000
        _, played = peaks(console.save("#save-sound", tmp_path / "session.wav"))
        assert played > 0.2 and console.faults == []


def test_where_no_call_is_to_be_had_the_page_talks_by_its_socket(
    playwright: Playwright, page_alone: str, nano: Path
) -> None:
    with chromium(playwright, nano / "question.wav") as context:
        play(context, lambda event, tell: None)
        refusal = {"error": {"message": "This server has no WebRTC."}}
        context.route("**/v1/realtime/calls", lambda route: route.fulfill(status=501, json=refusal))
        console = Console.open(context, page_alone)
        page = called(console)
        expect(page.locator("#notice")).to_have_attribute("data-why", "call_failed")
        console.reaches("listening")
        console.look("session")
        expect(page.locator("#config")).to_contain_text("sess_1")
        assert console.faults == []
