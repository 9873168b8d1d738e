"""Pieces of sequences: nothing is lost, nothing is scored twice, states go on."""

import numpy as np
import pytest
import torch

from sklrnn.symbols.pieces import Pieces, cut_text
from sklrnn.training.batches import Batches

BOUNDARY = 100


def sequences(lengths):
    ends = np.cumsum(lengths)
    return [np.arange(e - n, e) for n, e in zip(lengths, ends, strict=True)]


def run(pieces):
    """Put what is read and what is scored together again, for every sequence."""
    read, scored = ([[] for _ in pieces.n_targets] for _ in range(2))
    order = zip(Batches(pieces, 7, torch.Generator()), pieces.plan, strict=True)
    for (inputs, (following, counted)), (group, _) in order:
        targets = torch.full(counted.shape, -1).masked_scatter(counted, following)
        for number, row in enumerate(pieces.rows[group]):
            known = counted[number]
            read[row] += inputs["symbols"][number][known].tolist()
            scored[row] += targets[number][known].tolist()
            assert (inputs["symbols"][number][~known] == BOUNDARY).all()
    return read, scored


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("n_steps", [1, 3, None])
@pytest.mark.parametrize("ends", [True, False])
def test_every_symbol_is_read_and_scored_once(ends, n_steps, seed):
    given = sequences([5, 1, 3, 9, 9, 2, 4])
    pieces = Pieces(
        given, boundary=BOUNDARY, ends=ends, n_rows=3, n_steps=n_steps, seed=seed
    )
    for _ in range(2):
        read, scored = run(pieces)
        end = [BOUNDARY] if ends else []
        for codes, before, after in zip(given, read, scored, strict=True):
            whole = codes.tolist() + end
            assert after == whole
            assert before == [BOUNDARY, *whole[:-1]]
        pieces.renew(0.0)


def test_groups_are_drawn_anew_and_as_many():
    given = sequences([5, 1, 3, 9, 9, 2, 4] * 3)
    pieces = Pieces(given, boundary=BOUNDARY, ends=True, n_rows=4, n_steps=3, seed=0)
    sizes, first = set(), [rows.tolist() for rows in pieces.rows]
    for _ in range(10):
        pieces.renew(0.0)
        sizes.add(len(pieces))
    assert sizes == {len(pieces.plan)}
    assert [rows.tolist() for rows in pieces.rows] != first
    again = Pieces(given, boundary=BOUNDARY, ends=True, n_rows=4, n_steps=3, seed=0)
    assert [rows.tolist() for rows in again.rows] == first


def test_states_go_from_piece_to_piece_of_a_group():
    given = sequences([5, 4, 2, 3])
    pieces = Pieces(given, boundary=BOUNDARY, ends=False, n_rows=2, n_steps=2)
    assert pieces.plan == [(0, 0), (0, 2), (1, 0), (1, 2), (1, 4)]
    seen = []
    for number in range(len(pieces)):
        inputs, _ = pieces.gather(torch.tensor([number]))
        seen.append(inputs["carried"].before)
        inputs["carried"].after = number
    assert seen == [None, 0, None, 2, 3]


def test_what_follows_reaches_beyond_the_piece_and_not_beyond_the_end():
    pieces = Pieces(
        sequences([5, 3]),
        boundary=BOUNDARY,
        ends=True,
        n_rows=2,
        n_steps=2,
        reads_ahead=True,
    )
    inputs, _ = pieces.gather(torch.tensor([1]))
    assert inputs["following"].tolist() == [
        [7, BOUNDARY, BOUNDARY, BOUNDARY],
        [2, 3, 4, BOUNDARY],
    ]
    assert inputs["lengths"].tolist() == [2, 4]
    assert inputs["symbols"].tolist() == [[6, 7], [1, 2]]


def test_a_text_is_cut_into_streams_of_the_same_length():
    streams = cut_text(np.arange(11), 3)
    assert [len(stream) for stream in streams] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(streams), np.arange(11))
