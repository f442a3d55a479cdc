import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bench.compute.training.global_streams import drawing_from
from bench.compute.training.random_streams import BLOCK, TRAINING_STREAMS, Streams, stream


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_streams_differ_by_seed_and_name(one: int, other: int) -> None:
    def draw(seed: int, name: str) -> list[float]:
        return torch.rand(4, generator=stream(seed, name)).tolist()

    assert draw(one, "data") == draw(one, "data")
    assert draw(one, "data") != draw(one, "latents")
    if one != other:
        assert draw(one, "data") != draw(other, "data")


def test_a_draw_from_one_stream_does_not_affect_the_others() -> None:
    drawn, untouched = Streams([7]), Streams([7])
    drawn.uniform("data", 1000)
    drawn.uniform("data", 2 * BLOCK)
    for name in set(TRAINING_STREAMS) - {"data"}:
        one, other = (streams.state_dict(7)[name] for streams in (drawn, untouched))
        assert one.keys() == other.keys() == {"state", "taken"}
        assert torch.equal(one["state"], other["state"])
        assert one["taken"] == other["taken"] == 0
        assert torch.equal(drawn.normal(name, 5), untouched.normal(name, 5))


def test_streams_equal_draws_of_whole_blocks_from_torch() -> None:
    """The size of requests does not matter: together they give the concatenated blocks."""
    for kind in ("normal", "uniform", "integers"):
        generator = stream(5, "probe latents")
        draw = {
            "normal": lambda: torch.randn(BLOCK, generator=generator),  # noqa: B023
            "uniform": lambda: torch.rand(BLOCK, generator=generator),  # noqa: B023
            "integers": lambda: torch.randint(100, (BLOCK,), generator=generator),  # noqa: B023
        }[kind]
        expected = torch.cat([draw() for _ in range(4)])
        streams = Streams([5], "probe ")
        pieces = [taken(streams, kind, count) for count in (16, 1008, BLOCK - 1024, 32, BLOCK, 16, 2 * BLOCK - 64)]
        assert torch.equal(torch.cat(pieces, dim=1)[0], expected[: 4 * BLOCK - 16])


def test_normal_draws_that_are_no_multiple_of_sixteen_equal_separate_draws() -> None:
    """Torch draws an incomplete group of sixteen differently, so blocks would give other numbers."""
    generator, streams = stream(5, "latents"), Streams([5])
    for count in (33, 33, 33):
        assert torch.equal(streams.normal("latents", count)[0], torch.randn(count, generator=generator))
    resumed = Streams([5])
    resumed.load_state_dict({5: streams.state_dict(5)})
    assert torch.equal(streams.normal("latents", 33), resumed.normal("latents", 33))


def taken(streams: Streams, kind: str, count: int) -> Tensor:
    return streams.integers("latents", count, 100) if kind == "integers" else getattr(streams, kind)("latents", count)


def test_each_seed_has_one_row_and_equal_seeds_share_it() -> None:
    together = Streams([3, 8, 3])
    rows = together.normal("latents", 48)
    assert together.seeds == [3, 8]
    for seed, row in zip((3, 8), rows, strict=True):
        assert torch.equal(Streams([seed]).normal("latents", 48)[0], row)
    together.keep([8])
    assert torch.equal(together.normal("latents", 16), Streams([8]).normal("latents", 64)[:, 48:])


def test_every_precision_sees_the_same_numbers() -> None:
    double = Streams([1], dtype=torch.float64).uniform("penalty", 10)
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), Streams([1]).uniform("penalty", 10))


def test_streams_resume_from_their_state() -> None:
    """This includes the end of a block, and resuming without the other seeds."""
    for count in (0, 16, BLOCK, BLOCK + 16):
        streams = Streams([3, 4])
        streams.normal("latents", count)
        resumed = Streams([4])
        resumed.normal("latents", 80)
        resumed.load_state_dict({4: streams.state_dict(4)})
        for size in (16, BLOCK):
            assert torch.equal(streams.normal("latents", size)[1:], resumed.normal("latents", size)), count


def test_later_draws_do_not_change_a_saved_state() -> None:
    streams = Streams([3])
    streams.normal("latents", 16)
    state = streams.state_dict(3)
    expected = streams.normal("latents", 2 * BLOCK)
    resumed = Streams([3])
    resumed.load_state_dict({3: state})
    assert torch.equal(resumed.normal("latents", 2 * BLOCK), expected)


def test_initialisation_does_not_affect_the_global_generator() -> None:
    before = torch.get_rng_state()
    with drawing_from(5, "weights"):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with drawing_from(5, "weights"):
        assert torch.equal(torch.rand(3), first)


def test_draws_do_not_affect_the_global_generator() -> None:
    before = torch.get_rng_state()
    streams = Streams([0])
    streams.normal("latents", 5)
    streams.uniform("penalty", 5)
    streams.integers("data", 5, 9)
    assert torch.equal(torch.get_rng_state(), before)


def test_real_samples_for_the_generator_do_not_change_those_of_the_critic() -> None:
    """Runs with the same seed stay paired: the data order is the same for every loss."""
    from bench.compute.training.loop import train
    from bench.compute.training.pack import assemble
    from bench.plan.specification import complete_training

    seen: dict[str, list[list[int]]] = {}
    for loss in ("non-saturating", "relativistic"):
        table = {"dataset": "ring", "architecture": {"name": "mlp", "width": 4, "depth": 1}, "loss": loss}
        training = complete_training({**table, "steps": 3, "batch_size": 4, "latent": 2}, "test")
        drawn: list[list[int]] = []

        def reals(indices: Tensor, drawn: list[list[int]] = drawn) -> Tensor:
            drawn.append(indices.flatten().tolist())
            return torch.zeros(*indices.shape, 2)

        list(train(assemble([training], [0], (2,), reals, 100, torch.device("cpu"))))
        seen[loss] = drawn
    assert seen["non-saturating"] == seen["relativistic"][::2]
    assert len(seen["relativistic"]) == 6
