"""Tables of Parquet, as hubs keep data sets: plain columns, and recordings as bytes in a column of their own.

A recording is `{bytes, path}` or bare bytes. It is named `ROW:COLUMN` within its file and read when it is asked for, so
a table of gigabytes is opened at no cost. Reading needs pyarrow, which is an extra of the installation.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError, InputError

__all__ = ["first_of", "recording", "recording_in", "rows"]

Row = Mapping[str, Any]


def rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Rows, numbered from 1: plain columns as they are, of each recording its file's name ("" where it has none).

    Raises:
        ConfigError: pyarrow is not installed.
        InputError: the file is no table of Parquet.
    """
    file = _opened(str(path))
    kinds = {field.name: _kind(field.type) for field in file.schema_arrow}
    plain = [name for name, kind in kinds.items() if not kind]
    named = [f"{name}.path" for name, kind in kinds.items() if kind == "named"]
    number = 0
    for batch in file.iter_batches(batch_size=256, columns=[*plain, *named]):
        for row in batch.to_pylist():
            number += 1
            sounds = {name: str((row.get(name) or {}).get("path") or "") for name, kind in kinds.items() if kind}
            yield number, {**row, **sounds}


def recording_in(path: Path) -> str:
    """The column that holds the recordings; "" where there is none."""
    found = [field.name for field in _opened(str(path)).schema_arrow if _kind(field.type)]
    return next((name for name in found if "audio" in name.lower()), found[0] if found else "")


def recording(path: str, member: str) -> bytes:
    """The bytes of a recording. Raises KeyError where there are none."""
    from pyarrow import ArrowException

    number, _, column = member.partition(":")
    group, place = _group_of(path, int(number) - 1)
    try:
        found = _column(path, group, column)[place].as_py()
    except (ArrowException, OSError) as error:  # a part of the file that is damaged
        raise KeyError(member) from error
    data = found.get("bytes") if isinstance(found, Mapping) else found
    if not data:
        raise KeyError(member)
    return bytes(data)


def first_of(row: Row, names: Sequence[str]) -> str:
    """The first of some columns that a row has, as text; "" without any."""
    return next((str(row[name]) for name in names if row.get(name) is not None), "")


def _kind(type_: Any) -> str:
    """`named` for bytes with a file's name, `bare` for bytes alone, "" for anything else."""
    from pyarrow import types

    if types.is_binary(type_) or types.is_large_binary(type_):
        return "bare"
    is_struct = types.is_struct(type_)
    return "named" if is_struct and {"bytes", "path"} <= {child.name for child in type_} else ""


@lru_cache(maxsize=8)
def _opened(path: str) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ConfigError(f"{path} is Parquet, which pyarrow reads: pip install 'antiphon[parquet]'.") from error
    try:
        return ParquetFile(path)
    except (ArrowException, OSError) as error:
        told = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: found no Parquet ({told}), expected the file as it was published.") from error


def _group_of(path: str, index: int) -> tuple[int, int]:
    """The group that holds a row, and its place there."""
    told = _opened(path).metadata
    for group in range(told.num_row_groups):
        size = told.row_group(group).num_rows
        if index < size:
            return group, index
        index -= size
    raise KeyError(index)


@lru_cache(maxsize=2)
def _column(path: str, group: int, column: str) -> Any:
    return _opened(path).read_row_group(group, columns=[column]).column(column)
