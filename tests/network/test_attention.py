import pytest
import torch

from sklrnn.network.attention import ATTENTIONS, Additive, Dot, Location

QUERY = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
ANNOTATIONS = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
NOWHERE = torch.zeros(2, 6)


@pytest.fixture(params=ATTENTIONS)
def attention(request):
    torch.manual_seed(0)
    return ATTENTIONS[request.param](3, 4, 5)


def score(attention, query=QUERY, annotations=ANNOTATIONS, before=NOWHERE):
    return attention(query, attention.keys(annotations), before)


def test_additive_follows_the_papers_equation():
    attention = Additive(3, 4, 5)
    for item in range(2):
        for step in range(6):
            inner = (
                attention.query.weight @ QUERY[item]
                + attention.key.weight @ ANNOTATIONS[item, step]
                + attention.key.bias
            )
            wanted = attention.score.weight[0] @ torch.tanh(inner)
            torch.testing.assert_close(score(attention)[item, step], wanted)


def test_dot_follows_the_papers_equation():
    attention = Dot(3, 4, 5)
    wanted = QUERY[1] @ attention.key.weight @ ANNOTATIONS[1, 2]
    torch.testing.assert_close(score(attention)[1, 2], wanted)


def test_location_sees_where_it_has_looked():
    attention = Location(3, 4, 5)
    before = NOWHERE.clone()
    before[0, 2] = 1.0
    found = score(attention, before=before)
    anywhere = score(attention)
    assert not torch.isclose(found[0, :5], anywhere[0, :5]).any()
    torch.testing.assert_close(found[0, 5], anywhere[0, 5])  # too far away
    torch.testing.assert_close(found[1], anywhere[1])


def test_location_follows_its_equation():
    attention = Location(3, 4, 5)
    before = torch.rand(2, 6)
    seen = torch.cat([before[1, 2:], torch.zeros(1)])  # of step 4: the steps 2 to 6
    inner = (
        attention.query.weight @ QUERY[1]
        + attention.key(ANNOTATIONS[1, 4])
        + attention.place.weight @ attention.filters.weight @ seen
    )
    wanted = attention.score.weight[0] @ torch.tanh(inner)
    torch.testing.assert_close(score(attention, before=before)[1, 4], wanted)


def test_location_goes_along_with_what_it_has_seen():
    attention = Location(3, 4, 5)
    same = torch.zeros(1, 9, 4)
    before = torch.eye(9)[[3]]
    first = score(attention, QUERY[:1], same, before)
    after = score(attention, QUERY[:1], same, before.roll(2, 1))
    torch.testing.assert_close(first[:, :7], after[:, 2:])


def test_every_weight_gets_a_gradient(attention):
    score(attention, before=torch.rand(2, 6)).square().sum().backward()
    for name, weight in attention.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_content_moves_with_the_annotations(attention):
    order = [3, 0, 5, 1, 2, 4]
    found = score(attention, annotations=ANNOTATIONS[:, order])
    torch.testing.assert_close(found, score(attention)[:, order])
