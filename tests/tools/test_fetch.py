"""The door to the network: what is not open is not opened, whatever a name means and wherever an answer leads."""

import socket
import time
from typing import Any

import pytest

from antiphon.errors import ConfigError, ToolError
from antiphon.tools.addresses import is_open, look_up, origin, parsed
from antiphon.tools.fetch import Door, fetch
from tests.tools.loopback import Asked, Reply, serving

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fc00::1",
    "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::", "2001:db8::1", "::ffff:169.254.169.254",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_of_the_open_network(address: str) -> None:
    assert not is_open(address)

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.216.34", port)), (0, 0, 0, "", (address, port))]

    with pytest.raises(ToolError) as error:
        look_up("example.org", 443, False, resolve)  # one bad address among good ones is enough
    assert error.value.code == "denied"
    assert look_up("example.org", 443, True, resolve) == "93.184.216.34"


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"])
def test_addresses_of_the_open_network(address: str) -> None:
    assert is_open(address)


@pytest.mark.parametrize("url", [
    "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org", "//example.org",
    "example.org",
    "https://", "https://user:pass@example.org/", "https://user@example.org/", "https://exa mple.org/",
    "https://example.org\r\nX: y/",
    "https://example.org:99999/", "https://example.org:0/", "javascript:alert(1)", "data:text/html,x", "https://[::1",
    "",
    "https://127.0.0.1/", "https://localhost/", "https://2130706433/", "https://0x7f.1/", "https://127.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/", "https://0/", "https://017700000001/", "https://169.254.169.254/latest/meta-data/",
])  # fmt: skip
def test_addresses_that_no_tool_may_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing may be connected to")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ToolError) as error:
        fetch(url, Door())
    assert error.value.code in ("denied", "offline")


def test_a_name_is_looked_up_once_and_the_address_that_was_looked_at_is_used() -> None:
    looked = list[str]()

    def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        looked.append(host)
        address = "93.184.216.34" if len(looked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected = list[tuple[str, int]]()

    def connect(place: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(place)
        raise ConnectionRefusedError

    door = Door(resolve=rebinding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "create_connection", connect)
        with pytest.raises(ToolError) as error:
            fetch("https://rebinding.example/", door)
        assert error.value.code == "offline" and connected == [("93.184.216.34", 443)]
        with pytest.raises(ToolError) as error:
            fetch("https://rebinding.example/", door)
    assert error.value.code == "denied" and looked == ["rebinding.example"] * 2 and len(connected) == 1


def leading(target: str, status: int = 302) -> Any:
    away = Reply("", status, headers={"Location": target})
    return lambda asked: away if asked.path == "/" else Reply({"path": asked.path})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", [
    "http://127.0.0.1:{other}/secret", "http://localhost:{other}/", "https://10.0.0.1/", "file:///etc/passwd",
    "http://169.254.169.254/latest", "//127.0.0.1:{other}/x", "https://user:x@example.org/", "http://[::1]:{other}/",
])  # fmt: skip
def test_an_answer_leads_to_no_place_that_may_not_be_opened(target: str, status: int) -> None:
    with serving(lambda asked: Reply("secret")) as other:
        leads = leading(target.format(other=other.port), status)
        with serving(leads) as server, pytest.raises(ToolError) as error:
            fetch(server.url + "/", Door.to(server.url), headers={"X-Key": "k"})
        assert error.value.code == "denied" and other.asked == []


def test_an_answer_may_lead_on_within_its_own_place_but_not_for_ever() -> None:
    with serving(leading("/next")) as server:
        assert fetch(server.url + "/", Door.to(server.url), headers={"X-Key": "k"}).json() == {"path": "/next"}
        assert [asked.headers.get("X-Key") for asked in server.asked] == ["k", "k"]
    with serving(lambda asked: Reply("", 302, headers={"Location": "/again"})) as server:
        with pytest.raises(ToolError) as error:
            fetch(server.url, Door.to(server.url))
        assert error.value.code == "denied" and len(server.asked) == 4


def test_a_key_goes_to_its_own_place_alone() -> None:
    with serving(lambda asked: Reply({})) as other, serving(leading(other.url + "/x")) as server:
        fetch(server.url + "/", Door.to(server.url, other.url), headers={"X-Key": "k"})
        assert server.asked[0].headers["X-Key"] == "k" and "X-Key" not in other.asked[0].headers
        assert fetch(server.url + "/", Door.to(server.url, other.url), body={"a": 1}).status == 200
        assert other.asked[1].method == "GET" and other.asked[1].body is None


def slow(asked: Asked) -> Reply:
    time.sleep(1.0)
    return Reply({})


@pytest.mark.parametrize(("reply", "code"), [
    (lambda asked: Reply(b"x" * 3000, kind="text/plain"), "failed"), (slow, "timeout"),
    (lambda asked: Reply(b"MZ", kind="application/octet-stream"), "failed"),
    (lambda asked: Reply({}, 404), "not_found"),
    (lambda asked: Reply({}, 401), "denied"), (lambda asked: Reply({}, 402), "quota"),
    (lambda asked: Reply({}, 500), "offline"),
    (lambda asked: Reply(b"abc", headers={"Content-Length": "99"}), "offline"),
    (lambda asked: Reply({}, 304), "failed"),
])  # fmt: skip
def test_an_answer_is_bounded_and_what_is_wrong_has_a_code(reply: Any, code: str) -> None:
    with serving(reply) as server, pytest.raises(ToolError) as error:
        fetch(server.url, Door.to(server.url, most_bytes=2000, timeout_s=0.4))
    assert error.value.code == code


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda asked: Reply({"ok": 1})) as server, serving(lambda asked: Reply({})) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert fetch(server.url, Door.to(server.url), query={"q": "a b&c"}).json() == {"ok": 1}
        assert proxy.asked == [] and server.asked[0].query == {"q": "a b&c"}


def test_a_door_leads_to_addresses() -> None:
    for wrong in ("nowhere", "ftp://x", "", "https://a:b@c"):
        with pytest.raises(ConfigError):
            Door.to(wrong)
    assert origin(parsed("https://Example.ORG:443/x")) == origin(parsed("https://example.org./y"))
