from collections import Counter
from datetime import date

import pytest

from sklrnn.datasets import make_copy, make_dates, make_reversal


@pytest.mark.parametrize("make", [make_copy, make_reversal])
def test_strings_of_all_lengths(make):
    X, y = make(2000, 2, 5, letters="abc", random_state=0)
    assert (X, y) == make(2000, 2, 5, letters="abc", random_state=0)
    assert X != make(2000, 2, 5, letters="abc", random_state=1)[0]
    for drawn in (Counter(map(len, X)), Counter("".join(X))):
        assert set(drawn) in ({2, 3, 4, 5}, set("abc"))
        assert max(drawn.values()) < 1.2 * min(drawn.values())


def test_what_belongs_to_a_string():
    X, y = make_copy(50, random_state=0)
    assert X == y and X is not y
    X, y = make_reversal(50, random_state=0)
    assert [x[::-1] for x in X] == y and X != y


def test_dates_are_the_days_that_were_written():
    X, y = make_dates(400, random_state=0)
    assert (X, y) == make_dates(400, random_state=0)
    ways = Counter()
    for text, iso in zip(X, y, strict=True):
        day = date.fromisoformat(iso)
        assert 1900 <= day.year <= 2099
        assert str(day.year) == text[-4:]
        day_first = f"{day.day}.{day.month}.{day.year}"
        month = day.strftime("%B")
        known = {
            f"{day.day} {month} {day.year}": "plain",
            f"{month} {day.day}, {day.year}": "month first",
            f"{day.day} {month[:3]} {day.year}": "short",
            f"{day.strftime('%A')}, {day.day} {month} {day.year}": "weekday",
            day_first: "numbers",
        }
        ways[known[text]] += 1
    assert len(ways) == 5 and min(ways.values()) > 40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_copy(0), "n_pairs must be at least 1, got 0"),
        (lambda: make_dates(0), "n_pairs must be at least 1, got 0"),
        (lambda: make_copy(5, 0), "min_length must be at least 1, got 0"),
        (lambda: make_reversal(5, 4, 3), "max_length must be at least 4, got 3"),
        (lambda: make_reversal(5, letters=""), "letters must hold at least one"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
