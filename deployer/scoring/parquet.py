"""Parquet in and out, by pyarrow, which is imported here and only when a parquet file is read or written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from deployer.errors import SpecError
from deployer.scoring.cells import value_text
from deployer.scoring.chunks import Row
from deployer.scoring.source import Source

__all__ = ["ParquetRows", "import_dataframe", "parquet_rows", "read_parquet", "write_parquet"]

_BATCH = 10_000
_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index that it writes as a column; it is no feature."""


@dataclass(frozen=True)
class ParquetRows:
    """A parquet file's rows as JSON cells."""

    names: tuple[str, ...]
    rows: Iterator[Row]


def import_dataframe(module: str) -> Any:
    """The module of pandas or pyarrow.

    Raises:
        SpecError: It is not installed.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise SpecError(
            f"{module.partition('.')[0]} is needed for this, and is not installed",
            hint="pip install 'mlflow-deployer[dataframe]'",
        ) from None


def read_parquet(source: Source) -> Any:
    """The file as a pyarrow table.

    Raises:
        SpecError: pyarrow is not installed, or the file is no parquet.
    """
    pyarrow, parquet = import_dataframe("pyarrow"), import_dataframe("pyarrow.parquet")
    with source.open() as file:
        try:
            return parquet.read_table(pyarrow.BufferReader(file.read()))
        except (pyarrow.ArrowException, OSError) as error:
            said = " ".join(str(error).split())[:200]
            raise SpecError(f"not parquet: {said[:1].lower()}{said[1:]}", where=source.name) from None


def parquet_rows(table: Any) -> ParquetRows:
    """The rows, without the columns in which pandas keeps an index."""
    names = tuple(each for each in table.column_names if not _INDEX.fullmatch(each))

    def rows() -> Iterator[Row]:
        for batch in table.select(list(names)).to_batches(max_chunksize=_BATCH):
            columns = [[value_text(each) for each in column.to_pylist()] for column in batch.columns]
            for cells in zip(*columns, strict=True):
                yield Row(cells)

    return ParquetRows(names, rows())


def write_parquet(out: BinaryIO, table: Any, columns: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """Write a table with columns added to it.

    Args:
        out: Where to.
        table: The input's own, with its types; None when there is none.
        columns: Names and Python values.

    Raises:
        SpecError: pyarrow is not installed, or a column mixes what parquet keeps apart.
    """
    pyarrow, parquet = import_dataframe("pyarrow"), import_dataframe("pyarrow.parquet")
    for name, values in columns:
        try:
            column = pyarrow.array(list(values))
        except (pyarrow.ArrowException, OverflowError):
            raise SpecError(f"the column {name!r} mixes kinds of values, which parquet cannot hold") from None
        table = pyarrow.table({name: column}) if table is None else table.append_column(name, column)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    out.write(sink.getvalue())
