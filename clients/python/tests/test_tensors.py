"""Tensors from what programs have at hand."""

import unittest

from cutover import Tensor
from cutover.tensors import outputs_of


class Array:
    """What is used of NumPy's arrays."""

    def __init__(self, dtype, shape, rows):
        self.dtype, self.shape, self._rows = dtype, shape, rows

    def tolist(self):
        return self._rows


class Tensors(unittest.TestCase):
    def test_lists_are_flattened_row_by_row(self):
        cases = [
            ([[1, 2], [3, 4]], "INT64", [2, 2], [1, 2, 3, 4]),
            ([[1, 2.5]], "FP32", [1, 2], [1, 2.5]),
            ([True, False], "BOOL", [2], [True, False]),
            (["a", "b"], "BYTES", [2], ["a", "b"]),
            (3, "INT64", [], [3]),
            ([[[1], [2]], [[3], [4]]], "INT64", [2, 2, 1], [1, 2, 3, 4]),
        ]
        for value, datatype, shape, data in cases:
            with self.subTest(value=value):
                tensor = Tensor.of(value)
                self.assertEqual((tensor.datatype, list(tensor.shape), list(tensor.data)), (datatype, shape, data))
                self.assertEqual(tensor.rows(), value)

    def test_an_array_keeps_its_type_and_shape(self):
        tensor = Tensor.of(Array("float32", (1, 2), [[0.5, 1.0]]))
        self.assertEqual(tensor, Tensor("FP32", [1, 2], [0.5, 1.0]))
        self.assertEqual(Tensor.of(Array("float32", (0, 2), [])), Tensor("FP32", [0, 2], []))

    def test_elements_of_arrays_and_arrays_in_a_list_are_taken_as_what_they_hold(self):
        row = Array("float32", (2,), [0.5, 1.0])
        self.assertEqual(Tensor.of([row, row]), Tensor("FP32", [2, 2], [0.5, 1.0, 0.5, 1.0]))
        self.assertEqual(Tensor.of([Array("int64", (), 1), Array("int64", (), 2)]), Tensor("INT64", [2], [1, 2]))
        self.assertEqual(Tensor.of(Array("torch.float32", (1,), [0.5])), Tensor("FP32", [1], [0.5]))

    def test_an_array_of_texts_is_one_of_bytes(self):
        for dtype in ("<U3", "object"):
            self.assertEqual(Tensor.of(Array(dtype, (2,), ["a", "bc"])), Tensor("BYTES", [2], ["a", "bc"]))

    def test_rows_have_the_shape_that_is_said_or_there_are_none(self):
        self.assertEqual(Tensor("FP32", [3, 0], []).rows(), [[], [], []])
        self.assertEqual(Tensor("FP32", [0, 3], []).rows(), [])
        for shape in ([2, 2], []):
            with self.subTest(shape=shape), self.assertRaisesRegex(ValueError, "elements, not 3"):
                Tensor("FP32", shape, [1, 2, 3]).rows()

    def test_data_of_an_answer_may_be_nested(self):
        said = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [[1.5], [2.5]]}]}
        self.assertEqual(outputs_of(said)["y"], Tensor("FP32", [2, 1], [1.5, 2.5]))

    def test_a_datatype_that_is_said_is_taken(self):
        self.assertEqual(Tensor.of([1, 2], "FP32").datatype, "FP32")

    def test_what_is_no_tensor_is_refused_with_what_to_do(self):
        for value, said in [
            ([[1], [2, 3]], "different lengths"),
            ([1, "a"], "elements are int, str"),
            ([], "say datatype="),
            (Array("complex64", (1,), [1j]), "an array of complex64"),
        ]:
            with self.subTest(said=said), self.assertRaisesRegex(ValueError, said):
                Tensor.of(value)


if __name__ == "__main__":
    unittest.main()
