"""Rounding the linear layers to 8-bit integers with little loss, by arithmetic on weights and observed ranges.

Four measures, each for a cause of error that was measured on all-MiniLM-L6-v2 (mean cosine to float32):

* Activations differ in range from channel to channel by a factor of ten and more. Before a matrix product every
  channel is shifted to be centred and divided by its own factor, which the weights take back (SmoothQuant,
  Xiao et al. 2023, arXiv 2211.10438, with a shift besides). Behind a layer norm or the attention this costs
  nothing: the factors go into the norm's weights or the value projection. (.989 -> .996)
* Behind the GELU there is nowhere for them to go. There a few neurons reach ten times the others' range;
  these are computed in float32 beside the rest, and the rest is rounded in two groups. (.996 -> .9991)
* Without VNNI, a CPU adds two products in 16 bits, which saturate. The usual remedy is weights of 7 bits; here
  the scale of an output channel is chosen so that no pair can reach the limit, which keeps nearly 8. (.9979 -> .9993
  for rounded weights alone; with weights of 8 bits that saturate, everything else as here, .9973)
* Rounded weights shift the mean of the output; the bias takes that back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.weights import Array, Linear

# Neurons of a feed-forward block that are kept in float32, which costs 1 % of the time.
_FLOAT_NEURONS = 32
# Share of the others that reach furthest and are rounded by a step of their own.
_FAR_SHARE = 0.3
# How much of a channel's range moves into the weights (SmoothQuant's alpha).
_SMOOTHING = 0.85
_LEVELS = 255


@dataclass(frozen=True)
class Observed:
    """What a linear layer's input was seen to be, by channel: lowest, highest and mean value, each (channels,)."""

    low: Array
    high: Array
    mean: Array


@dataclass(frozen=True)
class Smoothing:
    """x -> (x - shift) / factor, by channel: each (channels,)."""

    shift: Array
    factor: Array


@dataclass(frozen=True)
class Step:
    """Rounding to unsigned 8 bits: round(x / size) + zero."""

    size: np.float32
    zero: np.uint8


@dataclass(frozen=True)
class Int8Linear:
    """A linear layer on rounded inputs: codes (in, out) int8, one scale and bias for each output: (out,) float32."""

    codes: NDArray[np.int8]
    scale: Array
    bias: Array


def smoothing(linear: Linear, observed: Observed) -> Smoothing:
    """The shift and factor that share the difficulty between the inputs' and the weights' channels."""
    reach = np.maximum((observed.high - observed.low) / 2, np.float32(1e-4))
    weight = np.maximum(np.abs(linear.weight).max(axis=0), np.float32(1e-5))
    factor = reach**_SMOOTHING / weight ** (1 - _SMOOTHING)
    centre = (observed.high + observed.low) * np.float32(0.5)
    return Smoothing(shift=centre, factor=factor / factor.mean())


def smoothed(observed: Observed, by: Smoothing) -> Observed:
    """The observations after smoothing."""
    low, high, mean = ((part - by.shift) / by.factor for part in (observed.low, observed.high, observed.mean))
    return Observed(low, high, mean)


def absorbed(linear: Linear, by: Smoothing) -> Linear:
    """The linear layer that gives on smoothed inputs what `linear` gives on plain ones."""
    return Linear(linear.weight * by.factor, linear.bias + linear.weight @ by.shift)


def step(observed: Observed) -> Step:
    """One rounding for all channels, over their whole observed range and zero."""
    low, high = min(float(observed.low.min()), 0.0), max(float(observed.high.max()), 0.0)
    size = np.float32(max(high - low, 1e-6) / _LEVELS)
    return Step(size=size, zero=np.uint8(np.clip(np.rint(-low / size), 0, _LEVELS)))


def int8_linear(linear: Linear, mean: Array) -> Int8Linear:
    """Round the weights of a layer whose inputs have the given mean (in,)."""
    scale = _output_scale(linear.weight)
    codes = np.rint(linear.weight / scale[:, None])
    error = codes * scale[:, None] - linear.weight
    return Int8Linear(
        codes=np.ascontiguousarray(codes.T.astype(np.int8)), scale=scale, bias=linear.bias - error @ mean
    )


@dataclass(frozen=True)
class Neurons:
    """The neurons of a feed-forward block, as indices: those kept in float32, and groups rounded on their own."""

    exact: NDArray[np.intp]
    rounded: tuple[NDArray[np.intp], ...]


def grouped_neurons(observed: Observed, linear: Linear) -> Neurons:
    """Sort neurons by how far they reach (`observed`); `linear` is the layer that takes them."""
    by_reach = np.argsort(-observed.high)
    exact, rest = np.split(by_reach, [min(_FLOAT_NEURONS, len(by_reach) // 8)])
    far, near = np.split(rest, [int(_FAR_SHARE * len(rest))])
    return Neurons(exact, tuple(_paired(group, linear) for group in (far, near) if len(group)))


def _paired(neurons: NDArray[np.intp], linear: Linear) -> NDArray[np.intp]:
    """The same neurons, each of the larger weights beside one of the smaller, for finer scales."""
    by_weight = neurons[np.argsort(-np.abs(linear.weight[:, neurons]).max(axis=0))]
    half = len(by_weight) - len(by_weight) // 2
    order = np.empty_like(by_weight)
    order[0::2], order[1::2] = by_weight[:half], by_weight[half:][::-1]
    return order


def _output_scale(weight: Array) -> Array:
    """Scale of each output channel (out,) for codes in -127..127 of which no neighbouring pair sums beyond 128.

    vpmaddubsw adds the products of inputs 2i and 2i+1 in 16 bits: with inputs up to 255, a pair of codes of the
    same sign that sums to at most 128 stays within 32,767.
    """
    padded = np.pad(weight, ((0, 0), (0, weight.shape[1] % 2)))
    pairs = padded.reshape(len(weight), -1, 2)
    positive, negative = (np.clip(signed, 0, None).sum(axis=2).max(axis=1) for signed in (pairs, -pairs))
    # 127, not 128: rounding may add half a code to each of the two.
    largest = np.maximum(np.maximum(positive, negative), np.abs(weight).max(axis=1))
    scale: Array = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return scale
