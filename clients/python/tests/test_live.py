"""Against a running server with the digits of the examples: `CUTOVER_INFERENCE`, `CUTOVER_SERVER` and the folder `DIGITS` say where."""

import json
import os
import threading
import unittest
from pathlib import Path

from cutover import Control, FeedbackSender, Gateway, Outcome, Refused, Tensor

DIGITS = os.environ.get("DIGITS")
held_out = json.loads(Path(DIGITS, "heldout.json").read_text()) if DIGITS else {"images": [], "labels": []}
images, labels = held_out["images"], held_out["labels"]


@unittest.skipUnless(DIGITS, "DIGITS names no folder of examples, and no server is running")
class Live(unittest.TestCase):
    gateway: Gateway
    control: Control

    @classmethod
    def setUpClass(cls):
        cls.gateway, cls.control = Gateway(), Control(actor="python")
        cls.addClassCleanup(cls.gateway.close)
        cls.addClassCleanup(cls.control.close)

    def test_an_inference_is_answered_recorded_and_joined_with_its_label(self):
        answer = self.gateway.infer("digits", {"image": Tensor.of([images[0]], "FP32")}, unit="ada")
        self.assertEqual(answer.endpoint, "digits")
        self.assertEqual(list(answer.outputs["probabilities"].shape), [1, 10])
        self.assertEqual(len(answer.outputs["probabilities"].rows()[0]), 10)
        (result,) = self.gateway.feedback(prediction=answer.prediction, label=labels[0])
        self.assertIn(result["status"], ("joined", "pending"))
        (again,) = self.gateway.feedback(Outcome(answer.prediction, label=labels[0]))
        self.assertEqual(again["status"], "duplicate")

    def test_the_same_by_the_path_of_the_endpoint(self):
        stable = self.control.endpoint("digits")["stable"]
        tensor = {"name": "image", "datatype": "FP32", "shape": [1, 64], "data": images[1]}
        answer = self.gateway.call("digits", "/v2/models/digits/infer", {"inputs": [tensor]}, version=stable)
        self.assertEqual((answer.status, answer.version), (200, stable))
        self.assertEqual({one["name"] for one in answer.json()["outputs"]}, {"label", "probabilities"})

    def test_refusals_say_what_is_allowed(self):
        with self.assertRaisesRegex(Refused, "no version v9; it has v1, v2") as caught:
            self.gateway.infer("digits", {"image": [images[0]]}, version="v9")
        self.assertEqual(caught.exception.status, 404)
        with self.assertRaises(Refused) as refused:
            self.control.apply({"kind": "Endpoint", "name": "digits", "colour": "red"})
        self.assertEqual(refused.exception.code, "invalid-resource")
        self.assertIn("colour", str(refused.exception))

    def test_a_better_version_is_released_on_evidence_and_a_broken_one_comes_back(self):
        self.assertEqual(self.released("v2"), "promoted")
        self.assertEqual(self.released("v3"), "rolled-back")
        summary = {row["key"]["version"]: row for row in self.control.summary("digits")}
        self.assertGreater(summary["v3"]["wrong"], 0)
        self.assertEqual(self.control.endpoint("digits")["stable"], "v2")

    def released(self, version):
        document = {
            "to": version,
            "guardrails": {"error-rate": {"margin": "1pp"}, "accuracy": {"margin": "2pp"}},
            "stages": [{"canary": {"steps": ["25%", "50%"]}}],
        }
        started = self.control.release("digits", document=document)
        is_over = threading.Event()
        caller = threading.Thread(target=self.traffic, args=[is_over])
        caller.start()
        told = []
        try:
            end = self.control.wait(started["id"], timeout_s=90, poll_s=0.2, on_line=told.append)
        finally:
            is_over.set()
            caller.join()
        self.assertEqual(len(told), len(set(told)))
        decisions = self.control.explain(started["id"])["decisions"]
        self.assertEqual(decisions[0]["release"], started["id"])
        self.assertEqual(self.control.status(started["id"])["actor"], "python")
        return end

    def traffic(self, is_over):
        with Gateway() as gateway, FeedbackSender(gateway, linger_s=0.1) as sender:
            number = 0
            while not is_over.is_set():
                at = number % len(images)
                answer = gateway.infer("digits", {"image": Tensor.of([images[at]], "FP32")}, unit=f"u{number}")
                sender.send(prediction=answer.prediction, label=labels[at])
                number += 1
        self.assertEqual(sender.counts["invalid"] + sender.counts["refused"] + sender.counts["dropped"], 0)


if __name__ == "__main__":
    unittest.main()
