import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.random_streams import TRAINING_STREAMS, Streams, initialising, stream


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_streams_differ_by_seed_and_name(one: int, other: int) -> None:
    def draw(seed: int, name: str) -> list[float]:
        return torch.rand(4, generator=stream(seed, name)).tolist()

    assert draw(one, "data") == draw(one, "data")
    assert draw(one, "data") != draw(one, "latents")
    if one != other:
        assert draw(one, "data") != draw(other, "data")


def test_a_draw_from_one_stream_leaves_the_others() -> None:
    drawn, untouched = Streams(7), Streams(7)
    torch.rand(1000, generator=drawn["data"])
    for name in set(TRAINING_STREAMS) - {"data"}:
        assert torch.equal(drawn[name].get_state(), untouched[name].get_state())


def test_streams_go_on_from_their_state() -> None:
    streams = Streams(3)
    torch.rand(10, generator=streams["latents"])
    resumed = Streams(99)
    resumed.load_state_dict(streams.state_dict())
    assert torch.equal(torch.rand(5, generator=streams["latents"]), torch.rand(5, generator=resumed["latents"]))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    with initialising(5, "weights"):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with initialising(5, "weights"):
        assert torch.equal(torch.rand(3), first)
