"""Test-time augmentation for 8x8 images: classify many shifted copies, answer the average.

A copy is the image moved by a fraction of a pixel along each axis. Moving an image is linear in its
pixels: `rows @ image @ columns`, where both factors are 8x8 matrices. The same matrices therefore
serve numpy while training and the ONNX graph while serving.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, compose, helper, numpy_helper

FloatArray = NDArray[np.float32]

SIDE = 8
SHIFTS_PER_AXIS = 17
COPIES = SHIFTS_PER_AXIS**2
LARGEST_SHIFT_PIXELS = 0.5


def shift_matrices() -> FloatArray:
    """[SHIFTS_PER_AXIS, 8, 8]: matrix k moves a column of pixels by the k-th shift, interpolating linearly."""
    shifts = np.linspace(-LARGEST_SHIFT_PIXELS, LARGEST_SHIFT_PIXELS, SHIFTS_PER_AXIS)
    target, source = np.indices((SIDE, SIDE))
    distance = np.abs(target[None] - source[None] - shifts[:, None, None])
    return np.maximum(0.0, 1.0 - distance).astype(np.float32)


def shifted_copies(images: FloatArray) -> FloatArray:
    """[N, 64] -> [N * COPIES, 64], the copies of one image next to each other."""
    matrices = shift_matrices()
    squares = images.reshape(-1, 1, 1, SIDE, SIDE)
    rows_moved = np.matmul(matrices[:, None], squares)
    return np.matmul(rows_moved, matrices.transpose(0, 2, 1)).reshape(-1, SIDE * SIDE)


def average_over_copies(probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    """[N * COPIES, classes] -> [N, classes]."""
    return probabilities.reshape(-1, COPIES, probabilities.shape[1]).mean(axis=1)


def with_shifted_copies(classifier: ModelProto, classes: int) -> ModelProto:
    """Wraps `classifier` (input `copies`, output `probabilities`) so that it answers for `image` [N, 64].

    The result has the outputs `label` int64 [N] and `probabilities` float32 [N, classes]. A Scan takes
    the images one after the other, so that memory does not grow with the batch.
    """
    voters = compose.add_prefix(classifier, "copy_")
    before, after = _copies_of_one_image(classifier), _mean_vote(classifier, classes)
    joined = compose.merge_models(before, voters, io_map=[("shifted", "copy_copies")], outputs=["copy_probabilities"])
    one_image = compose.merge_models(joined, after, io_map=[("copy_probabilities", "votes")])
    name_each_operator_set_once(one_image)
    return _each_image(one_image, classes)


def name_each_operator_set_once(model: ModelProto) -> None:
    """Converting and merging repeat operator sets, which ONNX does not allow, in an order that changes between runs."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in sorted(versions.items()))


def _copies_of_one_image(like: ModelProto) -> ModelProto:
    """pixels [64] -> shifted [COPIES, 64]."""
    matrices = shift_matrices()
    constants: dict[str, NDArray[np.generic]] = {
        "square": np.array([1, SIDE, SIDE], dtype=np.int64),
        "flat": np.array([-1, SIDE * SIDE], dtype=np.int64),
        "row_shifts": matrices[:, None],
        "column_shifts": np.ascontiguousarray(matrices.transpose(0, 2, 1)),
    }
    nodes = [
        helper.make_node("Reshape", ["pixels", "square"], ["unmoved"]),
        helper.make_node("MatMul", ["row_shifts", "unmoved"], ["rows_moved"]),
        helper.make_node("MatMul", ["rows_moved", "column_shifts"], ["both_moved"]),
        helper.make_node("Reshape", ["both_moved", "flat"], ["shifted"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [SIDE * SIDE])
    shifted = helper.make_tensor_value_info("shifted", TensorProto.FLOAT, [COPIES, SIDE * SIDE])
    return _model("copies_of_one_image", nodes, [pixels], [shifted], like, constants)


def _mean_vote(like: ModelProto, classes: int) -> ModelProto:
    """votes [COPIES, classes] -> mean_vote [classes] and its winner."""
    nodes = [
        helper.make_node("ReduceMean", ["votes"], ["mean_vote"], axes=[0], keepdims=0),
        helper.make_node("ArgMax", ["mean_vote"], ["winner"], axis=0, keepdims=0),
    ]
    votes = helper.make_tensor_value_info("votes", TensorProto.FLOAT, [COPIES, classes])
    winner = helper.make_tensor_value_info("winner", TensorProto.INT64, [])
    mean_vote = helper.make_tensor_value_info("mean_vote", TensorProto.FLOAT, [classes])
    return _model("mean_vote_of_copies", nodes, [votes], [winner, mean_vote], like)


def _each_image(one_image: ModelProto, classes: int) -> ModelProto:
    scan = helper.make_node("Scan", ["image"], ["label", "probabilities"], num_scan_inputs=1, body=one_image.graph)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", SIDE * SIDE])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["N"])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])
    return _model("digits", [scan], [image], [label, probabilities], one_image)


def _model(
    name: str,
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    like: ModelProto,
    constants: dict[str, NDArray[np.generic]] | None = None,
) -> ModelProto:
    """A model with the operator sets of `like`, which merging requires."""
    initializers = [numpy_helper.from_array(value, key) for key, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version)
