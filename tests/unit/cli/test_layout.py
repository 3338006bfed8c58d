"""Tables fit the width that there is."""

from __future__ import annotations

from deployer.cli.render.layout import Column, cut, markdown_table, pad, table, width_of

COLUMNS = (
    Column("NAME"),
    Column("MODEL", yields=1),
    Column("SHARE", right=True),
    Column("EMPTY"),
    Column("URL", yields=2),
)
ROWS = [
    ["iris", "models:/iris/4", "100 %", "", "http://127.0.0.1:8321"],
    ["模型", "a-very-long-model-uri-that-goes-on", "5 %", "", "https://example.test/endpoint"],
]


def test_columns_line_up_as_a_terminal_shows_them_and_empty_ones_are_left_out() -> None:
    assert table(COLUMNS, ROWS) == [
        "NAME  MODEL                               SHARE  URL",
        "iris  models:/iris/4                      100 %  http://127.0.0.1:8321",
        "模型  a-very-long-model-uri-that-goes-on    5 %  https://example.test/endpoint",
    ]


def test_what_yields_first_is_narrowed_first() -> None:
    lines = table(COLUMNS, ROWS, width=60)
    assert all(width_of(line) <= 60 for line in lines)
    assert "models:/iris/4 " in lines[1]
    assert lines[1].endswith("http://127…")


def test_where_narrowing_is_not_enough_what_yields_first_goes() -> None:
    assert table(COLUMNS, ROWS, width=25)[1] == "iris  models:/iri…  100 %"
    assert table(COLUMNS, ROWS, width=10)[1] == "iris  100 %"


def test_dots_may_be_ascii() -> None:
    assert cut("abcdefgh", 6, "...") == "abc..."
    assert cut("模型模型", 5) == "模型…"
    assert (pad("ab", 4), pad("ab", 4, right=True), pad("abc", 2)) == ("ab  ", "  ab", "abc")


def test_markdown_escapes_what_would_end_a_cell() -> None:
    assert markdown_table((Column("A"), Column("B", right=True)), [["x|y", "1"]]) == [
        "| A | B |",
        "| --- | ---: |",
        "| x\\|y | 1 |",
    ]
