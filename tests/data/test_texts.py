import numpy as np
import pandas as pd
import pytest

from sklrnn.data.csv import read_table
from sklrnn.data.texts import fill_texts, read_texts, to_texts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def written(texts, separator=","):
    return texts.to_csv(sep=separator, header=False, index=False)


@pytest.mark.parametrize(
    "content",
    [
        "t,a,b\n2024-01-01,1.50,x\n2024-01-02,,NA\n2024-01-03,1e-3,\n",
        't,"a, b",a,c\n01.02.2024,007,-0,+1\n02.02.2024,3,nan,True\n',
        'a;b\n1,5;2\n;"say ""so"""\n',
        "y\n1\n2\n",
    ],
    ids=["comma", "names", "semicolon", "one column"],
)
def test_round_trip(path, content):
    path.write_text(content)
    texts, separator = read_texts(path)
    assert written(texts, separator) == content
    assert len(texts) == len(read_table(path)) + 1


def test_texts_stand_where_the_table_has_its_cells(path):
    path.write_text('\ufeffa, b\n1, 2\n\n3\n"4\n", 5\n', encoding="utf-8")
    texts, _ = read_texts(path)
    assert texts.to_numpy().tolist() == [
        ["a", "b"],
        ["1", "2"],
        ["3", ""],
        ["4\n", "5"],
    ]
    assert read_table(path).shape == (3, 2)


def test_a_blank_line_of_a_single_column_is_a_missing_value(path):
    path.write_text("y\n1\n\n3\n")
    assert read_texts(path)[0][0].to_list() == ["y", "1", "", "3"]
    assert read_table(path)["y"].isna().to_list() == [False, True, False]


def test_file_that_does_not_exist(path):
    with pytest.raises(FileNotFoundError, match='^there is no file ".*table.csv"$'):
        read_texts(path)


def test_only_what_is_missing_changes(path):
    content = "a,c,b\n1.50,NA,x\n,2,NA\n3,nan,\n"
    path.write_text(content)
    table, (texts, _) = read_table(path), read_texts(path)
    filled = pd.DataFrame({"c": [1 / 3, 9.0, 1e-7], "a": [9.0, 2.0, 9.0]})
    result = fill_texts(texts, table, filled)
    assert written(result) == "a,c,b\n1.50,0.33333333,x\n2,2,NA\n3,1e-07,\n"
    assert written(texts) == content


def test_texts_of_a_table_that_was_no_file():
    table = pd.DataFrame(
        {
            "time": pd.date_range("2024", periods=2, freq="h"),
            "a": np.array([0.1, np.nan], dtype=np.float32),
        }
    )
    assert written(to_texts(table)) == (
        "time,a\n2024-01-01 00:00:00,0.1\n2024-01-01 01:00:00,\n"
    )
