"""Minutes or hours of `antiphon serve` with nano (`ANTIPHON_SOAK_S`): four seats, taken by all kinds of guests.

The figures are printed, and written to the file that `ANTIPHON_SOAK_RESULT` names, beside those of other lengths.

What must hold: nobody well-behaved is told of an error or kept waiting, memory is flat once the server is warm, and
when all have gone nothing of them is left.
"""

import asyncio
import json
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest

from antiphon.audio.wave import Audio
from tests.server.running import Running, children, nano_server

from .guests import floods, seat, stalls, talks, vanishes

SECONDS = float(os.environ.get("ANTIPHON_SOAK_S", "300"))
RESULT = Path(os.environ["ANTIPHON_SOAK_RESULT"]) if "ANTIPHON_SOAK_RESULT" in os.environ else None
WARM = 0.4  # of that time the server takes to get warm, ten minutes at most
FLAT = 1.05
SEATS = ([talks], [talks], [vanishes, talks], [stalls, floods, talks])

pytestmark = pytest.mark.soak


def resident_mb(process: int) -> float:
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def family_mb(process: int) -> float:
    """The same with that of the processes it has started."""
    return resident_mb(process) + sum(map(family_mb, children(process)))


def figures(server: Running) -> dict[str, float]:
    """The server's own."""
    page = server.ask("GET", "/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^antiphon_(\w+) (\S+)$", page, re.M)}


async def sampled(process: int, until_s: float) -> list[tuple[float, float]]:
    """Memory, every second."""
    loop, found = asyncio.get_running_loop(), list[tuple[float, float]]()
    begun = loop.time()
    while loop.time() < until_s:
        found.append((loop.time() - begun, family_mb(process)))
        await asyncio.sleep(1)
    return found


async def soak(port: int, process: int, question: bytes) -> tuple[Counter[str], list[tuple[float, float]]]:
    address, until_s = f"ws://127.0.0.1:{port}/v1/realtime?model=m", asyncio.get_running_loop().time() + SECONDS
    seats = [seat(guests, address, question, Random(f"seat {n}"), until_s) for n, guests in enumerate(SEATS)]
    memory, *done = await asyncio.gather(sampled(process, until_s), *seats)
    return sum(done, Counter[str]()), memory


def tenths(memory: list[tuple[float, float]]) -> list[float]:
    """The median of each tenth of the time."""
    parts = ([mb for at, mb in memory if n <= 10 * at / SECONDS < n + 1] for n in range(10))
    return [round(median(part)) for part in parts if part]


def tell(figures: dict[str, Any]) -> None:
    """Print what was found, and keep it."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    line = {"commit": commit, "seconds": SECONDS, "load_average": os.getloadavg(), **figures}
    print(json.dumps(line))
    if RESULT is not None:
        kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        RESULT.write_text(json.dumps({**kept, f"{SECONDS:.0f} s": line}, indent=1) + "\n")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_guests_come_and_go_and_the_server_stays_as_it_is(nano: Path) -> None:
    question = Audio.read(nano / "question.wav").at(24_000).to_pcm16()
    with nano_server("--requests-per-minute", "100000") as (server, process):
        done, memory = asyncio.run(soak(server.port, process.pid, question))
        warm_s = min(WARM * SECONDS, 600.0)
        middle = warm_s + (SECONDS - warm_s) / 2
        early = [mb for at, mb in memory if warm_s <= at < middle]
        late = [mb for at, mb in memory if at >= middle]
        level = {"early": median(early), "late": median(late), "most": max(mb for _, mb in memory)}
        tell({"guests": done, "resident_mb": level, "resident_mb_by_tenths": tenths(memory)})
        assert done["talked"] >= SECONDS / 60
        if SECONDS >= 300:
            assert all(done[kind] for kind in ("vanished", "stalled", "flooded"))
        assert level["late"] <= FLAT * level["early"] and level["most"] <= 1.5 * level["early"]
        deadline = time.monotonic() + 60
        names = ("sessions_active", "engine_requests_running", "engine_requests_waiting", "engine_conversations_held")
        while any(left := [figures(server)[name] for name in names]) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert not any(left), dict(zip(names, left, strict=True))
        address = f"ws://127.0.0.1:{server.port}/v1/realtime?model=m"
        assert asyncio.run(talks(address, question, Random("last"))) == "talked"
