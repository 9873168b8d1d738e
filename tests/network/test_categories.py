import torch

from sklrnn.network.categories import CategoryEmbedding


def test_numbers_stay_and_categories_become_vectors():
    torch.manual_seed(0)
    embed = CategoryEmbedding(3, {1: 5})
    x = torch.tensor([[0.5, 2.0, -1.0], [0.1, 0.0, 3.0]])
    found = embed(x)
    assert found.shape == (2, 5) and embed.n_features == 5
    assert embed.places == [[0], [1, 2, 3], [4]]
    assert torch.equal(found[:, [0, 4]], x[:, [0, 2]])
    assert torch.equal(found[0, 1:4], embed.vectors["1"].weight[2])
    assert (found[1, 1:4] == 0).all()  # never seen


def test_the_width_has_bounds():
    assert CategoryEmbedding(1, {0: 1}).n_features == 1
    assert CategoryEmbedding(1, {0: 1000}).n_features == 16
