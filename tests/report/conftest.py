"""Evidence that several tests of reports share."""

from __future__ import annotations

import pytest
from made_runs import made_pair

from bench.evidence.results import Evidence


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return synthetic runs of four losses on two datasets, with two architectures on one of them."""
    return made_pair(tmp_path_factory.mktemp("pair"))
