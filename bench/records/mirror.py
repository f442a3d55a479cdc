"""What runs leave in their results folder; if that mirrors an address, it goes to the store there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bench.errors import DamagedRecordError, ResultsError
from bench.files import check_writable, describe_error, put_aside
from bench.records.addresses import address_of, copy_records, write_copy
from bench.records.leases import Leases
from bench.records.listing import paths_in
from bench.records.record import check_record, publish
from bench.records.remote import Remote, remote
from bench.records.schema import Metadata
from bench.records.store import Folder
from bench.records.upkeep import find_intact, remove_checkpoints


@dataclass(frozen=True)
class Mirror:
    """A suite's results folder on this machine.

    Attributes:
        folder: The folder.
        address: The address that it mirrors; "" if it is the results folder itself, and there is nothing to copy.
    """

    folder: Path
    address: str = ""

    @classmethod
    def at(cls, folder: Path) -> Mirror:
        """Return a folder, with the address that it mirrors if it does."""
        return cls(folder, address_of(folder))

    @property
    def store(self) -> Remote | None:
        """The store that is mirrored.

        Raises:
            ResultsError: No driver is installed for this kind of address.
        """
        return remote(self.address) if self.address else None

    def leases(self) -> Leases:
        """Return the leases of the runs."""
        return Leases(self.store or Folder(self.folder), self.folder)

    def prepare(self) -> None:
        """Check that the store can be used, and copy its records, before anything is trained.

        Raises:
            ResultsError: The store cannot be used, or the folder not written.
        """
        if self.store is not None:
            self.check_usable()
            copy_records(self.store, self.folder)

    def check_usable(self) -> None:
        """Check that results can be written, in the folder and in the store.

        Raises:
            ResultsError: They cannot.
        """
        check_writable(self.folder)
        if self.store is not None:
            self.store.check_exclusive()

    def find_intact(self, notices: list[str]) -> dict[str, Path]:
        """Return run identity → path of records that are whole; rename the others, see ``upkeep.find_intact``.

        What is wrong with a copy may not be wrong in the store, so it is read from there again.

        Raises:
            ResultsError: See ``upkeep.find_intact``.
        """
        before, found_first = set(paths_in(self.folder)), list[str]()
        found = find_intact(self.folder, found_first)
        renamed = before - set(paths_in(self.folder)) if self.store is not None else set()
        if not renamed or self.store is None:
            notices += found_first
            return found
        for path in renamed:
            self.bring(path)
        found = find_intact(self.folder, notices)
        for path in renamed - set(paths_in(self.folder)):
            self._put_aside(path)
        return found

    def remove_checkpoints(self, recorded: Collection[str]) -> None:
        """Delete the checkpoints of recorded runs; see ``upkeep.remove_checkpoints``.

        Raises:
            ResultsError: The store cannot be read or written.
        """
        remove_checkpoints(self.folder, recorded)
        for path in self.paths(self.folder / "checkpoints"):
            if path.stem in recorded:
                self.remove(path)

    def has(self, path: Path) -> bool:
        """Return whether there is a file, in the store if there is one, and otherwise in the folder.

        Raises:
            ResultsError: The store cannot be read.
        """
        return path.exists() if self.store is None else self.store.entry(self._name(path)) is not None

    def bring(self, path: Path) -> bool:
        """Copy a file from the store; return whether the store has it.

        Raises:
            ResultsError: The store cannot be read, or the folder not written.
        """
        store = self.store
        entry = store.entry(self._name(path)) if store is not None else None
        content = store.read(self._name(path)) if store is not None and entry is not None else None
        if entry is None or content is None:
            return False
        write_copy(path, content, entry)
        return True

    def read(self, path: Path) -> bytes | None:
        """Return the content of a file in the store; None if there is no store, or no such file.

        Raises:
            ResultsError: The store cannot be read.
        """
        return self.store.read(self._name(path)) if self.store is not None else None

    def paths(self, folder: Path) -> list[Path]:
        """Return the paths of the files in a folder of the store, none of which may be on this machine.

        Raises:
            ResultsError: The store cannot be read.
        """
        names = self.store.names(self._name(folder)) if self.store is not None else []
        return [self.folder / name for name in names]

    def push(self, path: Path) -> None:
        """Copy a file to the store, replacing the one there.

        Raises:
            ResultsError: The store cannot be written.
        """
        if self.store is not None:
            self.store.write(self._name(path), path.read_bytes())

    def hand_over(self, paths: Iterable[Path]) -> None:
        """Move files to the store. They stay on this machine if that fails.

        Raises:
            ResultsError: The store cannot be written.
        """
        for path in paths if self.address else ():
            self.push(path)
            with suppress(OSError):
                path.unlink()

    def remove(self, path: Path) -> None:
        """Remove a file, here and in the store.

        Raises:
            ResultsError: It cannot be removed.
        """
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ResultsError(f"{path} cannot be removed: {describe_error(error)}") from None
        if self.store is not None:
            self.store.remove(self._name(path))

    def publish(self, path: Path, metadata: Metadata, trace: pa.Table, *, replace: bool = False) -> None:
        """Publish a record where it belongs (see ``bench.records.record.publish``).

        Args:
            path: The path of the record in the folder.
            metadata: Its metadata.
            trace: Its trace.
            replace: Whether to replace a record that exists already; otherwise it is kept.

        Raises:
            ResultsError: It cannot be written. Nothing of it is left.
        """
        if self.store is None:
            publish(path, metadata, trace, replace=replace)
            return
        written = self.folder / "outgoing" / f"{os.getpid()}-{path.name}"
        try:
            publish(written, metadata, trace, replace=True)
            self.send(written, path, replace=replace)
        finally:
            with suppress(OSError):
                written.unlink(missing_ok=True)

    def send(self, written: Path, path: Path, *, replace: bool = False) -> bool:
        """Publish a record that has been written to a file of this machine in the store; return whether it is there.

        Args:
            written: The file.
            path: The path of the record in the folder, which gets a copy of what is in the store.
            replace: Whether to replace a record that exists already; otherwise it is kept.

        Raises:
            ResultsError: The store cannot be written.
        """
        store, name, content = self.store, self._name(path), written.read_bytes()
        assert store is not None  # a folder needs no copy
        sent = True
        if replace:
            store.write(name, content)
        elif not store.create(name, content):
            sent = not self._is_whole(path)
            if sent:
                self._put_aside(path)
                sent = store.create(name, content)
        self.bring(path)
        return sent

    def _is_whole(self, path: Path) -> bool:
        self.bring(path)
        try:
            check_record(path)
        except DamagedRecordError:
            put_aside(path)
            return False
        return True

    def _put_aside(self, path: Path) -> None:
        """Rename a record in the store that is damaged there too, as its copy has been renamed."""
        store = self.store
        if store is not None:
            taken = set(store.names("records"))
            name = self._name(path).removesuffix(".parquet")
            new = next(
                n for i in range(1, len(taken) + 2) if (n := f"{name}.damaged{f'-{i}' if i > 1 else ''}") not in taken
            )
            store.move(self._name(path), new)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
