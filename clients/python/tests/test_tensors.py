"""Tensors from what programs have at hand."""

import unittest

from cutover import Tensor


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
