"""What can go wrong by a user's hand, as one tree.

GanbenchError          the command prints its text as one line and exits with status 2
├── SuiteError         a suite file, or a setting given on the command line
├── DataError          a dataset that is not here, or not what it should be
│   └── MissingDataError   it is not here, and may be downloaded
├── DeviceError        a device that is not here
├── TableError         a table of runs of other code
└── ResultsError       the results folder, a record or a checkpoint
    └── DamagedRecordError   a record that was cut short or changed; the run can be done again

An exception outside this tree is a fault of the code of a run: it is reported, the run may be done again, and
it is never counted as an outcome.
"""


def in_short(error: BaseException) -> str:
    """The kind of an error and the first sentence of what it says, on one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said.partition('. ')[0]}" if said else type(error).__name__


class GanbenchError(Exception):
    """A mistake that its reader can mend; the text names what was wrong, where, and the nearest valid thing."""


class SuiteError(GanbenchError):
    """A suite file, or a setting given on the command line, cannot be used."""


class DataError(GanbenchError):
    """A dataset, or the weights of an extractor, is not here or not readable."""


class MissingDataError(DataError):
    """A dataset is not on this machine."""


class DeviceError(GanbenchError):
    """The device asked for is not on this machine."""


class TableError(GanbenchError):
    """A table of runs of other code cannot be made records of."""


class ResultsError(GanbenchError):
    """The results folder, a record or a checkpoint cannot be read or written."""


class DamagedRecordError(ResultsError):
    """A record was cut short, or the bytes of its trace were changed."""
