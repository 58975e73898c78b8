"""Reading a checkpoint folder: `config.json`, safetensors in one file or in shards, tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.fields import check_fields
from edgehybrid_export.tensors import TensorFile
from edgehybrid_export.weights import Weight

MAX_CONFIG_BYTES = 1 << 20
MAX_INDEX_BYTES = 64 << 20
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


class Checkpoint:
    """Config and tensors of one checkpoint, each read when it is asked for; matrices even later.

    `finish` must be called at the end: it complains about tensors nobody asked for, because an
    ignored weight means another model than the authors'.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _read_object(folder / "config.json", MAX_CONFIG_BYTES)
        settings = folder / "generation_config.json"
        self.generation = _read_object(settings, MAX_CONFIG_BYTES) if settings.is_file() else {}
        self.files = _weight_files(folder)
        self._homes: dict[str, TensorFile] = {}
        for path in self.files:
            file = TensorFile(path)
            for name in file.names:
                if name in self._homes:
                    other = self._homes[name].path.name
                    raise CheckpointError(f"tensor {name!r} is in {other} and in {path.name}")
                self._homes[name] = file
        self._left = set(self._homes)
        self._read: set[str] = set()

    @property
    def family(self) -> str:
        """The checkpoint's `model_type`."""
        return str(self.field("model_type"))

    def field(self, name: str, *default: Any) -> Any:
        """A field of the config, which must be there unless a `default` is given."""
        if name not in self.config and not default:
            raise CheckpointError(f"{self.folder / 'config.json'} has no field {name!r}")
        self._read.add(name)
        return self.config.get(name, *default)

    def expect(self, name: str, *allowed: Any) -> None:
        """Refuse a field that changes the computation; absent, it has the first value."""
        value = self.field(name, allowed[0])
        if value not in allowed:
            expected = " or ".join(repr(a) for a in allowed)
            raise CheckpointError(
                f"{self.folder / 'config.json'}: {name} is {value!r}; family {self.family!r} is "
                f"exported with {expected} only"
            )

    def ignore(self, *names: str) -> None:
        """Fields that say nothing of this family's computation, whatever their names promise."""
        self._read.update(names)

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._homes

    def skip(self, name: str) -> None:
        """Take note that a tensor says nothing new, such as a stored copy of a tied one."""
        self._left.discard(name)

    def skip_all(self, prefix: str) -> None:
        """Leave out the tensors of a part that is not exported, such as an image encoder."""
        self._left = {name for name in self._left if not name.startswith(prefix)}

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """One weight as float32; its shape must be `shape` and all its values finite."""
        file = self._taken(name, shape)
        return _finite(file.tensor(name), file, name)

    def weight(self, name: str, shape: tuple[int, int]) -> Weight:
        """A matrix of this shape that is read when it is needed."""
        return self.weights(name, (1, *shape), stored=shape)[0]

    def weights(
        self, name: str, shape: tuple[int, int, int], stored: tuple[int, ...] | None = None
    ) -> list[Weight]:
        """The matrices (outputs, inputs) that one tensor (count, outputs, inputs) holds."""
        file, (count, outputs, inputs) = self._taken(name, stored or shape), shape

        def reader(first: int) -> Callable[[int, int], NDArray[np.float32]]:
            def rows(begin: int, end: int) -> NDArray[np.float32]:
                return _finite(file.rows(name, first + begin, first + end), file, name)

            return rows

        starts = range(0, count * outputs, outputs)
        return [Weight((outputs, inputs), reader(i), (str(file.path), name, i)) for i in starts]

    def _taken(self, name: str, shape: tuple[int, ...]) -> TensorFile:
        file = self._home(name)
        if file.shape(name) != shape:
            where = f"{file.path.name}: tensor {name!r}"
            raise CheckpointError(f"{where} has shape {file.shape(name)}, expected {shape}")
        self._left.discard(name)
        return file

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one tensor."""
        return self._home(name).shape(name)

    def _home(self, name: str) -> TensorFile:
        if name not in self._homes:
            shown = WEIGHTS if len(self.files) == 1 else f"{len(self.files)} shards"
            raise CheckpointError(f"{self.folder.name}/{shown} has no tensor {name!r}")
        return self._homes[name]

    def finish(self) -> None:
        """Complain if a tensor was never used."""
        if self._left:
            raise CheckpointError(
                f"{len(self._left)} unknown tensors, e.g. {min(self._left)!r}: "
                f"not a checkpoint that family {self.family!r} describes"
            )

    def check_fields(self) -> None:
        """Complain if a field was never read that could change the computation."""
        unread = {n: v for n, v in self.config.items() if n not in self._read}
        check_fields(self.folder / "config.json", self.family, unread)

    def check_tokenizer(self, vocab_size: int) -> None:
        """Require `tokenizer.json`, with no more tokens than the embedding has rows."""
        path = self.folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"{path} is missing")
        try:
            size = Tokenizer.from_file(str(path)).get_vocab_size()
        except Exception as error:  # tokenizers raises Exception itself
            raise CheckpointError(f"{path} is not a tokenizer: {error}") from error
        if size > vocab_size:
            raise CheckpointError(f"{path} has {size} tokens, the model {vocab_size}")


def _finite(array: NDArray[np.float32], file: TensorFile, name: str) -> NDArray[np.float32]:
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        where = f"{file.path.name}: tensor {name!r}"
        raise CheckpointError(f"{where} holds {count} values that are not finite")
    return array


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files: one, or the shards that an index names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        raise CheckpointError(no_weights(folder, [p.name for p in folder.iterdir()]))
    shards = _read_object(folder / INDEX, MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise CheckpointError(f"{folder / INDEX} has no weight_map")
    paths = [folder / str(name) for name in sorted(set(map(str, shards.values())))]
    for path in paths:
        if path.parent != folder or not path.is_file():
            raise CheckpointError(f"{path} is missing, which {INDEX} names")
    return paths


def no_weights(place: Path | str, files: Iterable[str]) -> str:
    """Why `place`, which holds `files`, has no weights that are read."""
    pickles = sorted(name for name in files if name.endswith(".bin"))
    if pickles:
        return (
            f"{place} has weights as {pickles[0]}, a pickle that could run code: convert it with "
            "transformers' save_pretrained(..., safe_serialization=True)"
        )
    return f"{place}/{WEIGHTS} is missing: a checkpoint needs safetensors weights"


def _read_object(path: Path, limit: int) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: not a checkpoint folder")
    if path.stat().st_size > limit:
        raise CheckpointError(f"{path} is {path.stat().st_size} bytes, over {limit}")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise CheckpointError(f"{path} holds {type(fields).__name__}, expected an object")
    return fields
