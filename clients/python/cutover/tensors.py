"""Tensors of the Open Inference Protocol, from lists and from whatever has `dtype`, `shape` and `tolist()`, as NumPy's arrays do."""

from __future__ import annotations

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
        for length in reversed(self.shape[1:]):
            data = [data[at : at + length] for at in range(0, len(data), length)] if length else [[] for _ in data]
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
    return {one["name"]: Tensor(one["datatype"], one["shape"], one["data"]) for one in answer.get("outputs", [])}


def _of_array(value: Any, datatype: str | None) -> Tensor:
    name = str(value.dtype)
    known = datatype or DATATYPES.get(name)
    if known is None:
        raise ValueError(f"an array of {name} has no datatype of the protocol; say datatype=, or convert it to one of {', '.join(DATATYPES)}")
    data: list[Any] = []
    _flatten(value.tolist(), data)
    return Tensor(known, list(value.shape), data)


def _flatten(value: Any, into: list[Any]) -> list[int]:
    """Appends the elements and answers the shape."""
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
