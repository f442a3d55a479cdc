"""The parts of a record that say what the run cost, and where it was trained."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of a record; None stands for what is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Timing(Section):
    """What the run cost. Runs in a pack have their share of the pack's time."""

    steps_per_second: float | None = Field(None, description="Generator steps per second, median, warm-up left out.")
    images_per_second: float | None = Field(None, description="Samples that the critic saw per second.")
    training_seconds: float | None = Field(None, description="Seconds of training, without evaluation.")
    evaluation_seconds: float | None = Field(None, description="Seconds of evaluation.")
    wall_seconds: float | None = Field(None, description="Seconds in all.")
    peak_memory_bytes: float | None = Field(None, description="Peak memory of the process or the device.")


class Environment(Section):
    """Where the run was trained. Versions of further libraries may be here too."""

    model_config = ConfigDict(frozen=True, extra="allow")

    ganbench: str | None = Field(None, description="Version of ganbench.")
    commit: str | None = Field(None, description="Git commit of ganbench, or of the code that trained the run.")
    dirty: bool | None = Field(None, description="Whether that checkout had uncommitted changes.")
    python: str | None = Field(None, description="Version of Python.")
    torch: str | None = Field(None, description="Version of torch.")
    numpy: str | None = Field(None, description="Version of numpy.")
    platform: str | None = Field(None, description="Operating system.")
    device: str | None = Field(None, description='"cpu", "cuda:0", "mps".')
    device_name: str | None = Field(None, description="Name of the processor or the GPU.")
    threads: int | None = Field(None, description="Threads of torch.")
    workers: int | None = Field(None, description="Worker processes that ran in parallel.")
    pack: int | None = Field(None, description="Runs that trained as one tensor program.")
    date: str = Field("", description="Day on which the record was published, UTC.")
    packages: dict[str, str] = Field({}, description="Packages of plug-ins → version and hash of their files.")
