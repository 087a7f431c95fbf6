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
