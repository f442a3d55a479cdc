"""The errors that a user can correct, as one tree.

GanbenchError          the command prints the message as one line and exits with status 2
├── SuiteError         a suite file, or an option of the command, is not valid
├── DataError          a dataset or the weights of a feature extractor are missing or not usable
│   └── MissingDataError   a dataset is missing; it may be possible to download it
├── DeviceError        a device is not available
├── PluginError        code of another package raised an exception
│   └── ContractError      it does not keep its contract, so no run that uses it can be trained
├── TableError         a table of results to import is not valid
└── ResultsError       a results folder, a record or a checkpoint cannot be read or written
    └── DamagedRecordError   a record is truncated or modified; the run can be trained again

Any other exception is a bug: it is reported with its traceback, the run can be trained again, and it never counts as
an outcome.
"""

from __future__ import annotations

from bench.escaping import as_message


def summarise_error(error: BaseException) -> str:
    """Return the type of an error and the first sentence of its message, on one line."""
    message = " ".join(str(error).split()).partition(". ")[0]
    if isinstance(error, PluginError):  # its message names the error already
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class GanbenchError(Exception):
    """An error that the user can correct. Its message says what is wrong and where, on one line.

    Messages quote names and values from outside, so whatever has no shape of its own is escaped.
    """

    def __str__(self) -> str:
        """Return the message."""
        return as_message(super().__str__())


class SuiteError(GanbenchError):
    """A suite file, or an option of the command, is not valid."""


class DataError(GanbenchError):
    """A dataset, or the weights of a feature extractor, is missing or not usable."""


class MissingDataError(DataError):
    """A dataset is missing on this machine."""


class DeviceError(GanbenchError):
    """A device is not available on this machine."""


class PluginError(GanbenchError):
    """The code of another package raised an exception. The message names the plug-in."""


class ContractError(PluginError):
    """The code of another package does not keep its contract. The message says what was given and expected."""


class TableError(GanbenchError):
    """A table of results to import is not valid."""


class ResultsError(GanbenchError):
    """A results folder, a record or a checkpoint cannot be read or written."""


class DamagedRecordError(ResultsError):
    """A record is truncated, or its trace was modified."""
