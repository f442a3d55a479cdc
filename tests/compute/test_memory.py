"""No graph outlives its step, and errors of too little memory are recognised on every device."""

from __future__ import annotations

import gc

import pytest
import torch
from network_shapes import WITHOUT_IMAGES, dataset_for, shape_for

from bench.catalogue.architectures import ARCHITECTURES
from bench.catalogue.penalties import PENALTIES
from bench.compute.environment import is_device_lost, is_out_of_memory
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.compute.training.probes import Probe
from bench.compute.training.random_streams import Streams
from bench.plan.specification import complete_training

CPU = torch.device("cpu")
WIDTHS = {
    "dirac": {},
    "mlp": {"width": 4},
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
    "stylegan": {"width": 2, "widest": 4, "mapping_depth": 2},
    "r3gan": {"width": 2, "widest": 4, "blocks": 1},
    "wavegan": {"width": 2},
    "resnet-1d": {"width": 2, "blocks": 1},
}


IMAGES_ONLY = ("diffaugment", "flip")
PAIRS = [
    (name, penalty)
    for name in ARCHITECTURES
    for penalty in ("none", *PENALTIES)
    if name not in WITHOUT_IMAGES or penalty not in IMAGES_ONLY
]


def graphs() -> set[int]:
    """Return the identities of all tensors that hold a graph."""
    gc.collect()
    return {id(each) for each in gc.get_objects() if isinstance(each, torch.Tensor) and each.grad_fn is not None}


@pytest.mark.parametrize(("name", "penalty"), PAIRS)
def test_no_graph_is_alive_after_a_step(name: str, penalty: str) -> None:
    """Also not after an evaluation: CUDA cannot record a step while an earlier graph holds its gradients."""
    training = complete_training(
        {
            "dataset": dataset_for(name),
            "architecture": {"name": name, **WIDTHS[name]},
            "loss": "non-saturating",
            "penalty": penalty,
            "critic": {"normalisation": "none"} if "normalisation" in ARCHITECTURES[name].options.model_fields else {},
            **{"steps": 2, "batch_size": 4, "latent": 2},
        },
        "test",
    )
    shape = shape_for(name)
    reals = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0))
    pack = assemble([training], [0], shape, lambda indices: reals[indices], len(reals), CPU)
    probe = Probe(lambda seeds: [(half[None].expand(len(seeds), -1, *shape), None) for half in (reals[:4], reals[4:])])
    before = graphs()
    list(train(pack, probe=probe))
    assert not graphs() - before


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_a_device_out_of_memory_is_not_lost() -> None:
    error = torch.AcceleratorError("CUDA error: out of memory")
    assert is_out_of_memory(error)
    assert not is_device_lost(error)
    assert is_device_lost(torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))


@pytest.mark.parametrize("device", ["cpu", "mps", "cuda"])
def test_only_copies_from_pinned_memory_may_go_on_later(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that goes on after its source is freed reads whatever comes to lie there."""
    pinned: list[int] = []
    copies: list[tuple[bool, bool]] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(id(tensor))
        return tensor

    def copy(tensor: torch.Tensor, *args: object, non_blocking: bool = False) -> torch.Tensor:
        copies.append((non_blocking, id(tensor) in pinned))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(torch.Tensor, "to", copy)
    Streams([0], device=device).uniform("data", 5)
    assert copies
    assert all(is_pinned for later, is_pinned in copies if later)
