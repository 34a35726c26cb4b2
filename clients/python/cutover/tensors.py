"""Tensors of the Open Inference Protocol, from lists and from whatever has `dtype`, `shape` and `tolist()`, as NumPy's arrays do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Names of the protocol by NumPy's.
DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}


@dataclass(frozen=True)
class Tensor:
    """`data` row by row, in one flat list; `shape` in elements."""

    datatype: str
    shape: Sequence[int]
    data: Sequence[Any]

    @staticmethod
    def of(value: Any, datatype: str | None = None) -> Tensor:
        """Of nested lists or an array. Without `datatype` lists of numbers are FP32, or INT64 where all of them are whole.

        Raises ValueError for lists of different lengths side by side and for what no datatype is known of.
        """
        if isinstance(value, Tensor):
            return value
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            return _of_array(value, datatype)
        data: list[Any] = []
        shape = _flatten(value, data)
        return Tensor(datatype or _datatype_of(data), shape, data)

    def rows(self) -> Any:
        """The data as nested lists of its shape; a number where the shape is empty."""
        data: list[Any] = list(self.data)
        if len(data) != math.prod(self.shape):
            raise ValueError(f"a tensor of the shape {list(self.shape)} has {math.prod(self.shape)} elements, not {len(data)}")
        for axis in range(len(self.shape) - 1, 0, -1):
            length = self.shape[axis]
            data = [data[at * length : (at + 1) * length] for at in range(math.prod(self.shape[:axis]))]
        return data if self.shape else data[0]

    def wire(self, name: str) -> dict[str, Any]:
        """As the protocol's JSON has an input."""
        return {"name": name, "datatype": self.datatype, "shape": list(self.shape), "data": list(self.data)}


@dataclass(frozen=True)
class Inference:
    """What a model answered: its outputs by their names, and where the answer came from."""

    outputs: Mapping[str, Tensor]
    parameters: Mapping[str, Any]
    prediction: str
    version: str
    endpoint: str


def outputs_of(answer: Mapping[str, Any]) -> dict[str, Tensor]:
    """Some servers write the data as nested lists, which the protocol allows."""
    outputs: dict[str, Tensor] = {}
    for one in answer.get("outputs", []):
        flat: list[Any] = []
        _flatten(one["data"], flat)
        outputs[one["name"]] = Tensor(one["datatype"], one["shape"], flat)
    return outputs


def _of_array(value: Any, datatype: str | None) -> Tensor:
    # PyTorch writes its name before the same words.
    name = str(value.dtype).removeprefix("torch.")
    data: list[Any] = []
    _flatten(value.tolist(), data)
    is_text = bool(data) and all(isinstance(one, str) for one in data)
    known = datatype or DATATYPES.get(name) or ("BYTES" if is_text else None)
    if known is None:
        raise ValueError(f"an array of {name} has no datatype of the protocol; say datatype=, or convert it to one of {', '.join(DATATYPES)}")
    return Tensor(known, list(value.shape), data)


def _flatten(value: Any, into: list[Any]) -> list[int]:
    """Appends the elements and answers the shape."""
    if hasattr(value, "tolist"):
        # Arrays, and elements of them, in a list.
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        into.append(value)
        return []
    shapes = [_flatten(one, into) for one in value]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("lists beside each other have different lengths; a tensor has as many elements in each row")
    return [len(value), *(shapes[0] if shapes else [])]


def _datatype_of(data: Sequence[Any]) -> str:
    kinds = {type(one) for one in data}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    if kinds and kinds <= {int, float}:
        return "FP32"
    if kinds == {str}:
        return "BYTES"
    names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "nothing"
    raise ValueError(f"elements are {names}; say datatype=, or send numbers, texts or true and false alone")
