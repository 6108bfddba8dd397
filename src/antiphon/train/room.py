"""A disk that is full is one sentence, whatever was being written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from antiphon.errors import CapacityError


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Within, `path` is written; what the system refuses is a CapacityError that names it."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise CapacityError(
            f"{path} could not be written ({why}); make room and start the same command again."
        ) from error
