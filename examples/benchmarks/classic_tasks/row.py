from typing import NamedTuple


class Row(NamedTuple):
    task: str
    model: str
    seeds: int
    successes: int
    result: str
    criterion: str
    seconds: float
