import pytest
import torch

from train import compute
from xsearch.errors import DeviceError


@pytest.mark.parametrize(
    ("capabilities", "mixed"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False), ({}, False)],
)
def test_a_cpu_trains_in_bfloat16_where_it_multiplies_it(monkeypatch, capabilities, mixed):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert compute.choose("cpu") == compute.Compute("cpu", mixed=mixed, compiled=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(DeviceError, match="torch sees no GPU"):
        compute.choose("cuda")


@pytest.mark.parametrize(("sentences", "compiled"), [(300_000, False), (5_000_000, True)])
def test_a_gpu_compiles_what_trains_for_long_and_plans_no_attention(monkeypatch, sentences, compiled):
    cudnn = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", cudnn.append)
    assert compute.choose("auto", sentences) == compute.Compute("cuda", mixed=True, compiled=compiled)
    assert cudnn == [False]
