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


def test_a_loss_that_shows_real_samples_to_the_generator_leaves_the_critics_as_they_are() -> None:
    """Runs of one seed stay paired: the same data order for every loss."""
    from bench.batches import Batches
    from bench.players import build_players
    from bench.specification import complete_training
    from bench.training import train

    seen: dict[str, list[list[int]]] = {}
    for loss in ("non-saturating", "relativistic"):
        table = {"dataset": "ring", "architecture": {"name": "mlp", "width": 4, "depth": 1}, "loss": loss}
        training = complete_training({**table, "steps": 3, "batch_size": 4, "latent": 2}, "test")
        drawn: list[list[int]] = []

        def reals(indices: torch.Tensor, drawn: list[list[int]] = drawn) -> torch.Tensor:
            drawn.append(indices.tolist())
            return torch.zeros(len(indices), 2)

        players, cpu = build_players(training, (2,), 0, torch.device("cpu")), torch.device("cpu")
        list(train(training, players, Batches(training, Streams(0), reals, 100, cpu)))
        seen[loss] = drawn
    assert seen["non-saturating"] == seen["relativistic"][::2]
    assert len(seen["relativistic"]) == 6
