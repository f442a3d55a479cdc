"""Blocks of random numbers that a thread draws ahead are the ones that would be drawn later."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.compute.training.random_streams import BLOCK, Streams, _thread

SEEDS = [3, 1, 2]
REQUESTS = st.one_of(
    st.tuples(st.sampled_from(["normal", "uniform"]), st.sampled_from([16, 48, 33, BLOCK // 2, BLOCK, 2 * BLOCK + 16])),
    st.tuples(st.just("integers"), st.sampled_from([5, 4000, BLOCK + 1])),
    st.tuples(st.sampled_from(["keep", "resume"]), st.integers(1, 3)),
)


@given(st.lists(REQUESTS, min_size=1, max_size=12))
def test_they_are_the_same_numbers(requests: list[tuple[str, int]]) -> None:
    """Whatever the requests, also where runs leave and where states are stored and loaded."""
    plain, ahead = Streams(SEEDS), Streams(SEEDS, ahead=True)
    for kind, count in requests:
        if kind == "keep":
            for streams in (plain, ahead):
                streams.keep(SEEDS[:count])
        elif kind == "resume":
            states = [{seed: streams.state_dict(seed) for seed in streams.seeds} for streams in (plain, ahead)]
            for seed in plain.seeds:
                for name, state in states[0][seed].items():
                    other = states[1][seed][name]
                    assert torch.equal(state["state"], other["state"])
                    assert state["taken"] == other["taken"]
            plain, ahead = Streams(plain.seeds), Streams(plain.seeds, ahead=True)
            plain.load_state_dict(states[0])
            ahead.load_state_dict(states[1])
        else:
            more = (100,) if kind == "integers" else ()
            one, other = (getattr(streams, kind)("data", count, *more) for streams in (plain, ahead))
            assert torch.equal(one, other)


def test_the_next_block_is_drawn_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    streams, threads = Streams([0], ahead=True), []
    draw = torch.rand

    def watch(*args: object, **kwargs: object) -> torch.Tensor:
        threads.append(threading.current_thread() is threading.main_thread())
        return draw(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(torch, "rand", watch)
    for _ in range(3):
        streams.uniform("data", BLOCK)
        _thread().submit(lambda: None).result()
    assert threads == [True, False, False, False]


@pytest.mark.gpu
def test_training_on_cuda_draws_ahead() -> None:
    ahead, plain = Streams(SEEDS, device="cuda"), Streams(SEEDS)
    for count in (16, BLOCK, 48, 2 * BLOCK):
        assert torch.equal(ahead.normal("latents", count).cpu(), plain.normal("latents", count))
    assert ahead._streams["latents"]._next is not None
