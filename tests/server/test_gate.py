"""Who may come, and how often. The model behind this gate is never asked."""

import json
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from antiphon.errors import ConfigError
from antiphon.runtime.model import Model
from antiphon.server.keys import Key, Keyring, digest, read_keys
from antiphon.server.limits import Busy, Places, Rates
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.settings import Settings

from .running import Running, running
from .socket_client import opened

ALICE, BOB = {"authorization": "Bearer alice-secret"}, {"authorization": "Bearer bob-secret"}


@pytest.fixture(scope="module")
def locked(model: Model) -> Iterator[Running]:
    keys = read_keys(["alice=alice-secret", f"bob=sha256:{digest('bob-secret').hex()}"])
    with running(model, keys=keys, origins=("https://friend.example",), max_sessions=2, sessions_per_key=1) as found:
        yield found


def handshake(server: Running, **headers: str) -> int:
    """The status with which a socket is refused; 101 if it is not."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with connect(f"ws://127.0.0.1:{server.port}/v1/realtime", additional_headers=named):
            return 101
    except InvalidStatus as refused:
        error = json.loads(refused.response.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return refused.response.status_code


def test_a_key_is_needed_everywhere_but_for_health(locked: Running) -> None:
    for path in ("/v1/models", "/metrics", "/nothing"):
        answer = locked.ask("GET", path)
        assert answer.status == 401 and answer.error["code"] == "invalid_api_key"
        assert locked.ask("GET", path, headers={"authorization": "Bearer wrong"}).status == 401
    assert [locked.ask("GET", "/v1/models", headers=who).status for who in (ALICE, BOB)] == [200, 200]
    assert locked.ask("GET", "/health/live").status == 200
    assert handshake(locked) == handshake(locked, authorization="Bearer wrong") == 401
    assert handshake(locked, **ALICE) == 101


def test_a_browser_comes_with_a_short_lived_key(locked: Running) -> None:
    wish = {"session": {"type": "realtime", "instructions": "Be brief."}, "expires_after": {"seconds": 60}}
    made = locked.post("/v1/realtime/client_secrets", ALICE, **wish).json
    assert made["value"].startswith("ek_") and 50 < made["expires_at"] - time.time() < 61
    offered = ["realtime", f"openai-insecure-api-key.{made['value']}"]
    with connect(f"ws://127.0.0.1:{locked.port}/v1/realtime", subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"
        assert json.loads(socket.recv())["session"]["instructions"] == "Be brief."
    short = {"authorization": f"Bearer {made['value']}"}
    assert locked.post("/v1/realtime/client_secrets", short).status == 403
    assert locked.post("/v1/realtime/client_secrets", ALICE, session={"speed": 3}).status == 400


def test_pages_of_other_sites_are_refused(locked: Running, gate: Running) -> None:
    evil = {"origin": "https://evil.example"}
    assert locked.ask("GET", "/v1/models", headers={**ALICE, **evil}).error["code"] == "origin_not_allowed"
    assert handshake(locked, **ALICE, **evil) == handshake(gate, **evil) == 403
    friend = locked.ask("GET", "/v1/models", headers={**ALICE, "origin": "https://friend.example"})
    assert friend.status == 200 and friend.headers["access-control-allow-origin"] == "https://friend.example"
    assert gate.ask("GET", "/v1/models", headers={"origin": f"http://127.0.0.1:{gate.port}"}).status == 200
    assert gate.ask("GET", "/v1/models", headers={"host": "rebound.example"}).error["code"] == "host_not_allowed"
    assert gate.ask("GET", "/v1/models", headers={"host": "localhost"}).status == 200


def test_one_key_does_not_hear_of_anothers_replies(locked: Running) -> None:
    from antiphon.text.chat import Message

    locked.service.kept.put("alice", "audio_hers", Message("assistant", "a secret"), time.time())
    named = [{"role": "user", "content": "hello"}, {"role": "assistant", "audio": {"id": "audio_hers"}}]
    answer = locked.post("/v1/chat/completions", BOB, model="m", messages=named)
    assert answer.status == 404 and answer.error["param"] == "messages[1].audio.id"


def test_sessions_of_a_key_are_counted(locked: Running) -> None:
    with opened(locked, **ALICE):
        assert handshake(locked, **ALICE) == 429
        assert handshake(locked, **BOB) == 101
    time.sleep(0.2)
    assert handshake(locked, **ALICE) == 101


def test_requests_of_a_minute_are_counted(model: Model) -> None:
    with running(model, requests_per_minute=3) as server:
        answers = [server.ask("GET", "/v1/models") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["x-ratelimit-remaining-requests"] == "2"
        assert answers[3].error["type"] == "rate_limit_error" and 1 <= int(answers[3].headers["retry-after"]) <= 20


def test_what_ends_takes_nothing_new(model: Model) -> None:
    with running(model) as server:
        server.service.is_draining = True
        server.service.open.add(_Speaking())
        ready, asked = server.ask("GET", "/health/ready"), server.ask("GET", "/v1/models")
        assert (ready.status, asked.status, asked.headers["retry-after"]) == (503, 503, "1")
        assert server.ask("GET", "/health/live").status == 200 and handshake(server) == 503
        server.service.open.clear()


class _Speaking:
    is_speaking = True

    def end(self, refusal: Refusal, code: int) -> None:
        """Not before it has said what it says."""
        raise AssertionError


def test_an_address_of_others_needs_a_key() -> None:
    with pytest.raises(ConfigError, match="no key is set"):
        Settings(host="0.0.0.0")
    assert Settings(host="0.0.0.0", keys=read_keys(["secret"])).keys[0].name == "key-1"


@pytest.mark.parametrize("text", ["a=", "=b", "a b", "a=sha256:12", "a=1,a=2"])
def test_keys_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError):
        read_keys([text])


def test_keys_are_not_shown_and_short_ones_end() -> None:
    now = 100.0
    ring = Keyring(read_keys(["secret"]), lambda: now)
    assert "secret" not in repr(ring) and digest("secret").hex() not in repr(ring)
    value, lease = ring.lend("key-1", 10.0, {})
    assert ring.owner(value) == ("key-1", lease) and value not in repr(ring)
    now = 111.0
    with pytest.raises(Refusal):
        ring.owner(value)
    assert ring.owner("secret") == ("key-1", None) and not ring.leases


def test_a_bucket_fills_steadily() -> None:
    now = 0.0
    rates = Rates(60, lambda: now)
    assert [rates.take("a") for _ in range(60)][-1] == 0
    with pytest.raises(Busy) as refused:
        rates.take("a")
    assert refused.value.wait == 1 and rates.take("b") == 59
    now = 1.0
    assert rates.take("a") == 0


def test_places_are_given_back() -> None:
    places = Places("things", 2, 1)
    with places.place("a"), pytest.raises(Busy), places.place("a"):
        pass
    with places.place("a"), places.place("b"), pytest.raises(Busy), places.place("c"):
        pass
    assert not places.taken and Key.of("n=s").name == "n"
