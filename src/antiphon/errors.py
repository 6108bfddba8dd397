"""The errors a user can meet, one tree:

AntiphonError            catch this one to catch them all
├── InputError           what was handed in: audio, text, messages, arguments
├── ConfigError          a preset, a config.json, a recipe, a setting
├── WeightsError         a checkpoint: a file missing, a tensor missing, extra or of another shape
├── CapacityError        a limit reached: context length, queue, cache
│   ├── StaleState       a state whose positions another stream has since overwritten
│   └── BusyError        too much is under way; the same may go well later
├── ToolError            a tool that is unknown, was called wrongly, or failed
└── ProtocolError        a message on the wire that breaks the protocol

Every message is one sentence: what was found, what was expected, what to do.
"""

__all__ = [
    "AntiphonError",
    "BusyError",
    "CapacityError",
    "ConfigError",
    "InputError",
    "ProtocolError",
    "StaleState",
    "ToolError",
    "WeightsError",
]


class AntiphonError(Exception):
    """Root of every error that this package raises on purpose."""


class InputError(AntiphonError):
    """What was handed in cannot be used."""


class ConfigError(AntiphonError):
    """A preset, a released config or a recipe is wrong."""


class WeightsError(AntiphonError):
    """A checkpoint does not hold what the model needs."""


class CapacityError(AntiphonError):
    """A limit of the model or of the machine has been reached."""


class StaleState(CapacityError):
    """An older state was used after its positions had been overwritten."""


class BusyError(CapacityError):
    """So much is under way that nothing more is taken in; the same may go well later."""


class ToolError(AntiphonError):
    """A tool is unknown, was called wrongly, or failed. `code` says how (`tools.result`)."""

    def __init__(self, message: str, code: str = "failed", retryable: bool = False) -> None:
        super().__init__(message)
        self.code, self.retryable = code, retryable


class ProtocolError(AntiphonError):
    """A message breaks the protocol."""
