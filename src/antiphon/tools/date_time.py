"""The tool `get_date_time`: what day and time it is, here or elsewhere; no network is asked.

The zone of the user is what the operator or the client says, never a guess. Places are the cities that the zones of the
time-zone database are named after, and some more by which people ask.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from antiphon.errors import ConfigError, ToolError
from antiphon.tools.clock import clock_says
from antiphon.tools.result import ToolResult
from antiphon.tools.tool import Context, Tool, tool

ALSO = {
    "beijing": "Asia/Shanghai", "shenzhen": "Asia/Shanghai", "guangzhou": "Asia/Shanghai", "china": "Asia/Shanghai",
    "hongkong": "Asia/Hong_Kong", "japan": "Asia/Tokyo", "korea": "Asia/Seoul", "india": "Asia/Kolkata",
    "delhi": "Asia/Kolkata", "new delhi": "Asia/Kolkata", "mumbai": "Asia/Kolkata", "bangalore": "Asia/Kolkata",
    "washington": "America/New_York", "boston": "America/New_York", "miami": "America/New_York",
    "san francisco": "America/Los_Angeles", "seattle": "America/Los_Angeles", "california": "America/Los_Angeles",
    "dallas": "America/Chicago", "houston": "America/Chicago", "uk": "Europe/London", "england": "Europe/London",
    "britain": "Europe/London", "france": "Europe/Paris", "germany": "Europe/Berlin", "italy": "Europe/Rome",
    "spain": "Europe/Madrid", "russia": "Europe/Moscow", "brazil": "America/Sao_Paulo", "canberra": "Australia/Sydney",
    "ottawa": "America/Toronto", "abu dhabi": "Asia/Dubai", "geneva": "Europe/Zurich", "munich": "Europe/Berlin",
    "hanoi": "Asia/Ho_Chi_Minh", "utc": "UTC", "gmt": "UTC",
    "北京": "Asia/Shanghai", "上海": "Asia/Shanghai", "广州": "Asia/Shanghai", "深圳": "Asia/Shanghai",
    "中国": "Asia/Shanghai", "香港": "Asia/Hong_Kong", "台北": "Asia/Taipei", "东京": "Asia/Tokyo",
    "日本": "Asia/Tokyo", "首尔": "Asia/Seoul", "新加坡": "Asia/Singapore", "曼谷": "Asia/Bangkok",
    "德里": "Asia/Kolkata", "印度": "Asia/Kolkata", "迪拜": "Asia/Dubai", "莫斯科": "Europe/Moscow",
    "伦敦": "Europe/London", "英国": "Europe/London", "巴黎": "Europe/Paris", "法国": "Europe/Paris",
    "柏林": "Europe/Berlin", "德国": "Europe/Berlin", "罗马": "Europe/Rome", "马德里": "Europe/Madrid",
    "纽约": "America/New_York", "华盛顿": "America/New_York", "洛杉矶": "America/Los_Angeles",
    "旧金山": "America/Los_Angeles", "芝加哥": "America/Chicago", "悉尼": "Australia/Sydney", "开罗": "Africa/Cairo",
}  # fmt: skip


def zone_of(name: str) -> ZoneInfo:
    """A zone by its name in the database. Raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"there is no time zone {name[:60]!r}; give one such as Europe/Paris.") from None


def zone_at(place: str) -> ZoneInfo:
    """The zone of a place. Raises ToolError (`not_found`, or `arguments` where several have the name)."""
    wanted = _plain(place)
    if wanted in ALSO:
        return ZoneInfo(ALSO[wanted])
    found = _cities().get(wanted, ())
    if len(found) == 1:
        return ZoneInfo(found[0])
    if found:
        raise ToolError(f"there are several: {', '.join(sorted(found)[:3])}; ask which.", code="arguments")
    raise ToolError(f"no time zone is known for {place[:60]!r}; ask for a large city near it.", code="not_found")


def get_date_time(zone: str | None = None, now: Callable[[tzinfo | None], datetime] = datetime.now) -> Tool:
    """The tool, for a user in `zone` (None: the machine's own). Raises ConfigError for a zone that is none."""
    home: tzinfo | None = None if zone is None else zone_of(zone)

    @tool("read", timeout_s=1.0, is_trusted=True, has_filler=False, aliases=("date_time",))
    def get_date_time(context: Context, location: str = "") -> ToolResult:
        """Tell the date and the time.

        Args:
            location: a city or a time zone, if another than here is meant
        """
        there = zone_at(location) if location.strip() else home
        moment = now(there)
        named = str(there) if there is not None else ""
        data = {"moment": moment.isoformat(timespec="minutes"), "zone": named}
        return ToolResult("get_date_time", clock_says(moment) + (f" in {location.strip()}" if location.strip() else ""),
                          data=data)  # fmt: skip

    return get_date_time


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.strip().lower())
    text = "".join(c for c in text if not unicodedata.combining(c))
    return re.sub(r"[\s_-]+", " ", re.sub(r"[.,'’]", "", text)).removeprefix("the ").removesuffix("市").strip()


@cache
def _cities() -> dict[str, tuple[str, ...]]:
    """City names to the zones that are named after them; zones with their region, too."""
    found: dict[str, set[str]] = {}
    for zone in available_timezones():
        region, _, city = zone.rpartition("/")
        if region.partition("/")[0] not in ("Etc", "SystemV", "US", "Canada", "posix", "right", "Mexico", "Brazil"):
            found.setdefault(_plain(city), set()).add(zone)
            found.setdefault(_plain(zone.replace("/", " ")), set()).add(zone)
            found.setdefault(zone.lower(), set()).add(zone)
    return {city: _same_clock(zones) for city, zones in found.items()}


def _same_clock(zones: set[str]) -> tuple[str, ...]:
    """One zone where all of them show the same time."""
    then = (datetime(2026, 1, 15, tzinfo=timezone.utc), datetime(2026, 7, 15, tzinfo=timezone.utc))
    clocks = {tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in then) for zone in zones}
    return (min(zones, key=len),) if len(clocks) == 1 else tuple(zones)
