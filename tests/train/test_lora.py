import pytest
import torch
from torch import nn

from train.lora import LowRankLinear


def layer(rank=3, alpha=6.0):
    torch.manual_seed(0)
    frozen = nn.Linear(5, 7).requires_grad_(False)
    low_rank = LowRankLinear(frozen, rank, alpha)
    with torch.no_grad():
        low_rank.up.normal_()
    return frozen, low_rank


def test_a_new_layer_is_the_frozen_one():
    frozen = nn.Linear(5, 7)
    states = torch.randn(2, 3, 5)
    torch.testing.assert_close(LowRankLinear(frozen, 3, 6.0)(states), frozen(states))


def test_it_adds_the_scaled_product_of_its_factors():
    frozen, low_rank = layer()
    states = torch.randn(2, 3, 5)
    expected = frozen(states) + 6.0 / 3 * (states @ low_rank.down.T @ low_rank.up.T)
    torch.testing.assert_close(low_rank(states), expected)


def test_its_gradients_are_those_of_the_definition():
    frozen, low_rank = layer()
    states = torch.randn(2, 3, 5, requires_grad=True)
    direction = torch.randn(2, 3, 7)
    (low_rank(states) * direction).sum().backward()
    got = [states.grad, low_rank.down.grad, low_rank.up.grad]
    for tensor in (states, low_rank.down, low_rank.up):
        tensor.grad = None
    plain = frozen(states) + low_rank.scale * (states @ low_rank.down.T @ low_rank.up.T)
    (plain * direction).sum().backward()
    for ours, wanted in zip(got, [states.grad, low_rank.down.grad, low_rank.up.grad], strict=True):
        torch.testing.assert_close(ours, wanted)
    assert (low_rank.weight.grad, low_rank.bias.grad) == (None, None)


def test_under_autocast_it_works_in_bfloat16_and_learns_in_float32():
    _, low_rank = layer()
    states = torch.randn(4, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = low_rank(states)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), low_rank(states), atol=0.1, rtol=0.05)
    out.float().sum().backward()
    assert low_rank.down.grad.dtype == low_rank.up.grad.dtype == torch.float32


@pytest.mark.parametrize("trained", ["down", "up"])
def test_a_frozen_factor_gets_no_gradient(trained):
    _, low_rank = layer()
    other = "up" if trained == "down" else "down"
    getattr(low_rank, other).requires_grad_(False)
    low_rank(torch.randn(4, 5)).sum().backward()
    assert getattr(low_rank, trained).grad is not None
    assert getattr(low_rank, other).grad is None


def test_it_takes_an_update_of_its_rank_as_it_is_and_of_a_higher_one_the_nearest():
    _, low_rank = layer()
    wanted = low_rank.update().detach() * 0.4
    low_rank.take(wanted)
    torch.testing.assert_close(low_rank.update(), wanted)
    full = torch.randn(7, 5)
    low_rank.take(full)
    strength = torch.linalg.svdvals(full)
    torch.testing.assert_close(torch.linalg.norm(full - low_rank.update()), strength[3:].norm())


def test_it_takes_an_update_where_its_rank_is_higher_than_any_of_the_layers():
    _, low_rank = layer(rank=8)
    wanted = torch.randn(7, 5)
    low_rank.take(wanted)
    torch.testing.assert_close(low_rank.update(), wanted)
