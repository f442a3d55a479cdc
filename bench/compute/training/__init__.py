"""The training loop and what it is made of: players, game, random streams, samplers, packs."""
