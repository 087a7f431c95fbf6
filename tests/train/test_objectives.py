import numpy as np
import torch
from torch.nn.functional import normalize

from train.objectives import ranked


def vectors(cosines):
    """Pairs of unit vectors with these cosines."""
    cosines = torch.tensor(cosines)
    a = torch.stack([torch.ones_like(cosines), torch.zeros_like(cosines)], dim=1)
    return a, torch.stack([cosines, (1 - cosines**2).sqrt()], dim=1)


def test_pairs_in_the_order_of_their_scores_cost_little_and_in_the_reverse_order_much():
    gold = torch.tensor([0.0, 1.0, 5.0])
    right, wrong = (
        ranked(*vectors([0.1, 0.5, 0.9]), gold, 20.0),
        ranked(*vectors([0.9, 0.5, 0.1]), gold, 20.0),
    )
    assert right < 0.01
    assert wrong > 15


def test_only_the_order_of_the_scores_counts():
    pairs = vectors([0.2, 0.8, 0.4, 0.3])
    gold = torch.tensor([0.1, 0.5, 0.9, 0.5])
    torch.testing.assert_close(ranked(*pairs, gold, 20.0), ranked(*pairs, gold**3 * 7, 20.0))


def test_pairs_scored_alike_say_nothing():
    assert float(ranked(*vectors([0.2, 0.8, 0.4]), torch.ones(3), 20.0)) == 0.0


def test_learning_by_rank_puts_pairs_in_order():
    torch.manual_seed(0)
    a, b = torch.randn(20, 8, requires_grad=True), torch.randn(20, 8)
    gold = torch.rand(20)
    optimiser = torch.optim.Adam([a], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        ranked(normalize(a, dim=1), normalize(b, dim=1), gold, 20.0).backward()
        optimiser.step()
    cosines = (normalize(a, dim=1) * normalize(b, dim=1)).sum(dim=1).detach().numpy()
    np.testing.assert_array_equal(np.argsort(cosines), np.argsort(gold.numpy()))
