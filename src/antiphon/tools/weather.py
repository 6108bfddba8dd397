"""The tool `get_weather`: weather behind an interface, Open-Meteo by default.

Its data are under CC BY 4.0: who shows them names them (`ATTRIBUTION`, in the result's data). The free service is for
non-commercial use; the addresses and a key are the operator's to set, and the server may be one's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from antiphon.errors import ToolError
from antiphon.tools.clean import clean
from antiphon.tools.fetch import Door, fetch
from antiphon.tools.result import ToolResult
from antiphon.tools.tool import Context, Tool, tool

ATTRIBUTION = "Weather data by Open-Meteo.com (CC BY 4.0)"
FORECAST, PLACES = "https://api.open-meteo.com", "https://geocoding-api.open-meteo.com"
MOST_NAMED = 3
NEAR_EQUAL = 0.2  # of the largest place's people: a place as likely to be meant
SKIES: Mapping[int, tuple[str, str]] = {  # codes of the WMO, table 4677, as Open-Meteo uses them
    0: ("clear", "晴"), 1: ("mostly clear", "大致晴"), 2: ("partly cloudy", "多云"), 3: ("cloudy", "阴"),
    45: ("foggy", "有雾"), 48: ("foggy", "有雾"), 51: ("drizzling", "毛毛雨"), 53: ("drizzling", "毛毛雨"),
    55: ("drizzling", "毛毛雨"), 56: ("freezing drizzle", "冻雨"), 57: ("freezing drizzle", "冻雨"),
    61: ("raining lightly", "小雨"), 63: ("raining", "下雨"), 65: ("raining heavily", "大雨"),
    66: ("freezing rain", "冻雨"), 67: ("freezing rain", "冻雨"), 71: ("snowing lightly", "小雪"),
    73: ("snowing", "下雪"), 75: ("snowing heavily", "大雪"), 77: ("snowing", "下雪"), 80: ("showers", "阵雨"),
    81: ("showers", "阵雨"), 82: ("heavy showers", "强阵雨"),
    85: ("snow showers", "阵雪"), 86: ("snow showers", "阵雪"),
    95: ("a thunderstorm", "雷雨"), 96: ("a thunderstorm with hail", "雷雨冰雹"),
    99: ("a thunderstorm with hail", "雷雨冰雹"),
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Somewhere on earth."""

    name: str
    region: str
    country: str
    latitude: float
    longitude: float
    people: int = 0

    @property
    def whole_name(self) -> str:
        """With what tells it from others of its name."""
        return ", ".join(dict.fromkeys(part for part in (self.name, self.region, self.country) if part))


@dataclass(frozen=True)
class Weather:
    """What it is like somewhere now; degrees Celsius."""

    sky: int  # a code of `SKIES`
    degrees: float
    low: float | None = None
    high: float | None = None


@runtime_checkable
class WeatherProvider(Protocol):
    """Who knows the weather. Raises ToolError, whose code says why it did not work."""

    @property
    def attribution(self) -> str: ...

    def places(self, name: str, language: str) -> list[Place]:
        """Places of a name, the likeliest first."""
        ...

    def weather(self, place: Place) -> Weather:
        """The weather there now."""
        ...


@dataclass(frozen=True)
class OpenMeteo:
    """Open-Meteo, or a server of one's own that speaks as it does."""

    forecast: str = FORECAST
    geocoding: str = PLACES
    key: str = field(default="", repr=False)
    door: Door | None = None
    attribution: str = ATTRIBUTION

    def places(self, name: str, language: str) -> list[Place]:
        """See `WeatherProvider`."""
        asked: dict[str, str | int] = {"name": name, "count": 10, "language": language, "format": "json"}
        found = fetch(f"{self.geocoding}/v1/search", self._door, query=self._with_key(asked)).json()
        rows = found.get("results") or [] if isinstance(found, Mapping) else []
        return [_place(row) for row in rows if isinstance(row, Mapping)]

    def weather(self, place: Place) -> Weather:
        """See `WeatherProvider`."""
        asked: dict[str, str | int] = {
            "latitude": f"{place.latitude:.4f}", "longitude": f"{place.longitude:.4f}",
            "current": "temperature_2m,weather_code", "daily": "temperature_2m_max,temperature_2m_min",
            "forecast_days": 1, "timezone": "auto",
        }  # fmt: skip
        found = fetch(f"{self.forecast}/v1/forecast", self._door, query=self._with_key(asked)).json()
        try:
            now, day = found["current"], found.get("daily") or {}
            low, high = (_first(day.get(f"temperature_2m_{which}")) for which in ("min", "max"))
            return Weather(int(now["weather_code"]), float(now["temperature_2m"]), low, high)
        except (KeyError, TypeError, ValueError):
            raise ToolError("the answer is no weather.", code="failed") from None

    @property
    def _door(self) -> Door:
        return self.door or Door.to(self.forecast, self.geocoding)

    def _with_key(self, asked: dict[str, str | int]) -> dict[str, str | int]:
        return asked | ({"apikey": self.key} if self.key else {})


def get_weather(provider: WeatherProvider) -> Tool:
    """The tool, over a provider."""

    @tool("read", timeout_s=5.0, retries=1, needs_network=True, aliases=("weather",))
    def get_weather(city: str, context: Context) -> ToolResult:
        """Tell the weather of a city.

        Args:
            city: the city in English
        """
        place = _chosen(city, provider.places(_asked(city), context.language))
        now = provider.weather(place)
        sky = SKIES.get(now.sky, ("", ""))[context.language == "zh"]
        degrees = f"{round(now.degrees)} degrees" if context.language == "en" else f"{round(now.degrees)}度"
        text = f"{place.name}: {', '.join(part for part in (sky, degrees) if part)}"
        data = {
            "place": place.whole_name, "sky": sky, "degrees": now.degrees, "low": now.low, "high": now.high,
            "attribution": provider.attribution,
        }  # fmt: skip
        return ToolResult("get_weather", text, data=data)

    return get_weather


def _asked(city: str) -> str:
    name = clean(city, 80).replace("\n", " ").split(",")[0].strip()
    if not name:
        raise ToolError("no city was named; ask which.", code="arguments")
    return name


def _chosen(city: str, places: list[Place]) -> Place:
    """The place that is meant. Raises ToolError where there is none, or where others are as likely."""
    if not places:
        raise ToolError(f"no place is called {clean(city, 60)}.", code="not_found")
    told = {part.strip().lower() for part in city.split(",")[1:] if part.strip()}
    if told:
        fitting = [p for p in places if told <= {p.region.lower(), p.country.lower(), p.name.lower()}]
        return (fitting or places)[0]
    most = max(place.people for place in places)
    likely = [place for place in places if place.name == places[0].name and place.people >= most * NEAR_EQUAL]
    names = list(dict.fromkeys(place.whole_name for place in likely))
    if most and len(names) > 1:
        detail = f"there are several: {'; '.join(names[:MOST_NAMED])}. Ask which one is meant."
        raise ToolError(detail, code="arguments")
    return likely[0] if likely else places[0]


def _place(row: Mapping[str, Any]) -> Place:
    try:
        name, region, country = (clean(str(row.get(part) or ""), 80) for part in ("name", "admin1", "country"))
        people = int(row.get("population") or 0)
        return Place(name, region, country, float(row["latitude"]), float(row["longitude"]), people)
    except (KeyError, TypeError, ValueError):
        raise ToolError("the answer is no place.", code="failed") from None


def _first(values: Any) -> float | None:
    return float(values[0]) if isinstance(values, list) and values and values[0] is not None else None
