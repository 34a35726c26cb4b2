"""A thin client for Cutover, on Python's standard library alone.

`Gateway` asks models and sends what became known of their answers. `Control` applies documents, starts releases and waits for
their end. `FeedbackSender` sends outcomes in batches, beside the program that finds them.
"""

from cutover.control import Control
from cutover.errors import CutoverError, NotCutover, Refused, Unreachable
from cutover.feedback import FeedbackSender, Outcome
from cutover.gateway import Answer, Gateway
from cutover.tensors import Inference, Tensor

__all__ = [
    "Answer",
    "Control",
    "CutoverError",
    "FeedbackSender",
    "Gateway",
    "Inference",
    "NotCutover",
    "Outcome",
    "Refused",
    "Tensor",
    "Unreachable",
]
