"""Connections, refusals and outcomes beside servers that behave badly. On sockets, with answers written by hand."""

import math
import os
import socket
import subprocess
import sys
import threading
import time
import unittest
from datetime import datetime, timezone

from cutover import Control, FeedbackSender, Gateway, NotCutover, Outcome, Refused, Unreachable
from cutover.feedback import BATCH_BYTES_MAX, ITEMS_MAX, bodies_of, encoded, wire_of


def answer(status, body, *fields):
    head = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", *fields]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


class Server:
    """Answers requests by a list, one after the other on whatever connection; None breaks the connection off instead."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with connection:
            while (request := self._read(connection)) is not None:
                self.requests.append(request)
                said = self._answers.pop(0)
                if said is None:
                    return
                connection.sendall(said)

    def _read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65_536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
        while len(body) < int(fields.get("content-length", 0)):
            body += connection.recv(65_536)
        return head.decode().split("\r\n")[0], fields, body


class WithClients(unittest.TestCase):
    def gateway(self, url, **options):
        return self.closed_later(Gateway(url, **{"timeout_s": 5, **options}))

    def control(self, url):
        return self.closed_later(Control(url, timeout_s=5))

    def closed_later(self, client):
        self.addCleanup(client.close)
        return client


class Refusals(WithClients):
    def refusal(self, status, body, *fields):
        with Server(answer(status, body, *fields)) as server, self.assertRaises(Refused) as caught:
            self.control(server.url).endpoints()
        return caught.exception

    def test_a_problem_is_told_with_its_code_and_what_is_allowed(self):
        problem = (
            '{"detail": "not valid", "code": "invalid-resource", '
            '"problems": [{"path": "stages[0]", "message": "is unknown", "allowed": ["canary", "shadow"]}]}'
        )
        refused = self.refusal(422, problem)
        self.assertEqual((refused.status, refused.code), (422, "invalid-resource"))
        self.assertEqual(str(refused), "422: not valid\n  stages[0] is unknown; allowed: canary, shadow")

    def test_every_protocols_own_shape_is_read(self):
        for body, said in [
            ('{"error": "no such model"}', "404: no such model"),
            ('{"error": {"message": "no model", "code": null}}', "404: no model"),
            ("gone", "404: gone"),
            ("[1]", "404: [1]"),
            ("", "404: no reason was given"),
        ]:
            with self.subTest(body=body):
                self.assertEqual(str(self.refusal(404, body)), said)

    def test_when_to_come_back_is_told(self):
        self.assertEqual(self.refusal(503, "{}", "retry-after: 13").retry_after_s, 13)
        self.assertIsNone(self.refusal(503, "{}", "retry-after: Fri, 31 Dec 1999 23:59:59 GMT").retry_after_s)


class Connections(WithClients):
    def test_a_question_is_asked_again_where_a_kept_connection_is_closed(self):
        with Server(answer(200, '{"items": []}'), None, answer(200, '{"items": [1]}')) as server:
            control = self.control(server.url)
            self.assertEqual([control.endpoints(), control.endpoints()], [[], [1]])

    def test_a_call_of_a_model_is_not_since_it_may_have_been_served(self):
        with Server(answer(200, "{}"), None, answer(200, "{}")) as server:
            gateway = self.gateway(server.url)
            gateway.call("digits", "/predict", {})
            with self.assertRaises(Unreachable):
                gateway.call("digits", "/predict", {})
            self.assertEqual(len(server.requests), 2)
            gateway.call("digits", "/predict", {})

    def test_silence_ends_with_the_time_and_says_so(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            gateway = self.gateway(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.05)
            with self.assertRaisesRegex(Unreachable, "nothing came for 0.05 s"):
                gateway.call("digits")

    def test_a_server_that_is_not_there_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as once:
            url = f"http://127.0.0.1:{once.getsockname()[1]}"
        with self.assertRaisesRegex(Unreachable, url):
            self.control(url).endpoints()

    def test_what_is_no_address_is_refused(self):
        for url in ["", "localhost:8080", "ftp://a", "http://", "http://a/?b", "http://user:secret@a", "http://a:x", "http://a:99999", "http://a b", "http://a/b c"]:
            with self.subTest(url=url), self.assertRaisesRegex(ValueError, "address of a server"):
                Gateway(url or "x")

    def test_what_is_no_path_is_a_mistake_of_the_caller_and_spoils_no_connection(self):
        with Server(answer(200, "{}")) as server:
            gateway = self.gateway(server.url)
            with self.assertRaisesRegex(ValueError, "no path of a request"):
                gateway.call("digits", "/a b")
            with self.assertRaises(ValueError):
                gateway.call("digits", unit="a\r\nb: c")
            self.assertEqual(gateway.call("digits").status, 200)

    def test_who_asks_for_how_long_and_by_which_key_goes_with_the_request(self):
        with Server(answer(200, "{}", "x-cutover-version: v2", "X-A: 1", "x-a: 2")) as server:
            gateway = self.gateway(server.url, key="ck_1_2")
            said = gateway.call("a/b", "predict?x=1", [1], unit="u1", version="v2", prediction="mine", deadline_s=0.5)
            line, fields, body = server.requests[0]
        self.assertEqual((line, body), ("POST /endpoints/a%2Fb/predict?x=1 HTTP/1.1", b"[1]"))
        wanted = {
            "authorization": "bearer ck_1_2",
            "content-type": "application/json",
            "x-cutover-unit": "u1",
            "x-cutover-version": "v2",
            "x-cutover-prediction-id": "mine",
            "x-request-timeout-ms": "500",
        }
        self.assertEqual({name: fields[name] for name in wanted}, wanted)
        self.assertEqual((said.version, said.headers["x-a"]), ("v2", "1, 2"))


    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_asks_on_a_connection_of_its_own(self):
        with Server(answer(200, '{"items": [1]}'), answer(200, '{"items": [2]}'), answer(200, '{"items": [3]}')) as server:
            control = self.control(server.url)
            control.endpoints()
            kept = control._transport._local.connection.sock
            child = os.fork()
            if child == 0:
                try:
                    os._exit(0 if control.endpoints() == [2] and control._transport._local.connection.sock is not kept else 1)
                finally:
                    os._exit(2)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            self.assertEqual(control.endpoints(), [3])
            self.assertIs(control._transport._local.connection.sock, kept)

    def test_what_does_not_answer_as_cutover_does_is_told_for_what_it_is(self):
        for said in [
            answer(200, "<html>"),
            answer(200, "[]"),
            answer(200, "null"),
            answer(302, "", "location: https://login"),
            answer(200, ""),
        ]:
            with self.subTest(said=said), Server(said, said) as server:
                with self.assertRaisesRegex(NotCutover, "not as Cutover does"):
                    self.control(server.url).status("digits-1")
                with self.assertRaisesRegex(NotCutover, "not as Cutover does"):
                    self.gateway(server.url).infer("digits", {"x": [1]})

    def test_what_json_has_no_word_for_is_a_mistake_of_the_caller(self):
        gateway, control = self.gateway("http://127.0.0.1:1"), self.control("http://127.0.0.1:1")
        for ask in [
            lambda: gateway.infer("digits", {"x": [1.5, math.nan]}),
            lambda: gateway.call("digits", "/predict", {"amount": math.inf}),
            lambda: gateway.feedback(prediction="p", reward=math.nan),
            lambda: control.apply({"kind": "Endpoint", "n": -math.inf}),
        ]:
            with self.assertRaisesRegex(ValueError, "JSON has no word"):
                ask()

    def test_what_no_field_can_carry_is_named(self):
        with self.assertRaisesRegex(ValueError, "x-cutover-unit '花子'.*cannot carry"):
            self.gateway("http://127.0.0.1:1").call("digits", unit="花子")
        with self.assertRaisesRegex(ValueError, "actor='nightly training'"):
            Control(actor="nightly training")

    def test_no_time_is_longer_than_a_timer(self):
        for ask in [
            lambda: Gateway(timeout_s=math.inf),
            lambda: Gateway(timeout_s=0),
            lambda: self.gateway("http://127.0.0.1:1").call("digits", deadline_s=math.inf),
        ]:
            with self.assertRaisesRegex(ValueError, "is a number of seconds above 0"):
                ask()

    def test_one_dimension_may_be_a_text(self):
        with Server(answer(200, '{"items": []}')) as server:
            self.control(server.url).summary("digits", by="version")
            self.assertIn("by=version ", server.requests[0][0])


def release(state, phase="running", hold=None):
    hold = f'{{"cause": "{hold}"}}' if hold else "null"
    return answer(200, f'{{"state": "{state}", "phase": "{phase}", "hold": {hold}, "timeline": []}}')


class Waits(WithClients):
    def waited(self, *answers, **options):
        with Server(*answers) as server:
            return self.control(server.url).wait("digits-1", **{"poll_s": 0.01, **options})

    def test_a_wait_ends_as_that_of_the_command_line(self):
        for last, end in [
            (release("promoted", "promoted"), "promoted"),
            (release("active", "probation"), "promoted"),
            (release("rolled-back", "rolled-back"), "rolled-back"),
            (release("paused"), "holding"),
            (release("holding", hold="approval"), "holding"),
        ]:
            with self.subTest(end=end):
                self.assertEqual(self.waited(release("active"), release("holding", hold="invalid"), last), end)

    def test_a_server_that_is_away_is_waited_for_however_seldom_it_is_asked(self):
        away = [answer(502, "<html>"), answer(503, "{}"), None]
        self.assertEqual(self.waited(release("active"), *away, release("promoted", "promoted")), "promoted")

    def test_a_refusal_is_no_absence(self):
        with self.assertRaises(Refused):
            self.waited(release("active"), answer(404, "{}"))

    def test_a_silent_server_keeps_nobody_longer_than_the_wait(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            control = Control(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=30)
            began = time.monotonic()
            self.assertEqual(control.wait("digits-1", timeout_s=0.2), "timed-out")
            self.assertLess(time.monotonic() - began, 5)

    def test_a_pace_of_nothing_is_refused(self):
        with self.assertRaisesRegex(ValueError, "poll_s"):
            self.waited(poll_s=0)


class Outcomes(unittest.TestCase):
    def test_what_was_not_given_is_left_out(self):
        at = datetime(2026, 11, 23, 10, tzinfo=timezone.utc)
        self.assertEqual(
            wire_of(Outcome("p1", label=0, at=at)), {"prediction": "p1", "label": 0, "at": "2026-11-23T10:00:00+00:00"}
        )
        self.assertEqual(wire_of({"prediction": "p1", "reward": 0.0}), {"prediction": "p1", "reward": 0.0})

    def test_a_time_without_its_zone_is_refused(self):
        with self.assertRaisesRegex(ValueError, "says no zone"):
            wire_of(Outcome("p1", label=1, at=datetime(2026, 11, 23, 10)))

    def test_requests_hold_no_more_than_the_server_takes(self):
        many = [encoded(Outcome(f"p{number}", label=1)) for number in range(ITEMS_MAX + 1)]
        self.assertEqual([count for _, count in bodies_of(many)], [ITEMS_MAX, 1])
        large = [encoded(Outcome("p", label="x" * (BATCH_BYTES_MAX // 3))) for _ in range(5)]
        batches = list(bodies_of(large))
        self.assertEqual([count for _, count in batches], [2, 2, 1])
        self.assertTrue(all(len(body) <= BATCH_BYTES_MAX for body, _ in batches))


def results(*statuses):
    items = ", ".join(f'{{"status": "{status}"}}' for status in statuses)
    return answer(200, f'{{"results": [{items}]}}')


class Senders(unittest.TestCase):
    def sent(self, *answers, outcomes=1, **options):
        with Server(*answers) as server:
            sender = FeedbackSender(Gateway(server.url, timeout_s=5), linger_s=0.01, **options)
            with sender:
                for number in range(outcomes):
                    sender.send(prediction=f"p{number}", label=1)
            return sender, server.requests

    def test_what_waits_is_sent_when_it_is_closed(self):
        sender, requests = self.sent(results("joined", "pending"), outcomes=2, batch_max=2)
        self.assertEqual(dict(sender.counts), {"joined": 1, "pending": 1})
        self.assertEqual(requests[0][2], b'[{"prediction": "p0", "label": 1},{"prediction": "p1", "label": 1}]')

    def test_a_batch_is_sent_again_while_the_server_is_away_and_never_lost(self):
        with self.assertLogs("cutover", "WARNING"):
            sender, requests = self.sent(answer(503, "{}"), None, results("duplicate"))
        self.assertEqual(dict(sender.counts), {"duplicate": 1})
        self.assertEqual(len({body for _, _, body in requests}), 1)

    def test_what_the_server_refuses_is_counted_and_not_sent_again(self):
        with self.assertLogs("cutover", "ERROR"):
            sender, requests = self.sent(answer(401, "{}"))
        self.assertEqual((dict(sender.counts), len(requests)), ({"refused": 1}, 1))

    def test_what_is_no_outcome_is_a_mistake_of_the_caller_and_stops_nothing(self):
        with Server(results("joined")) as server, FeedbackSender(Gateway(server.url, timeout_s=5)) as sender:
            with self.assertRaisesRegex(TypeError, "no label"):
                sender.send(prediction="p", label=object())
            sender.send(prediction="p", label=1)
        self.assertEqual(sender.counts["joined"], 1)

    def test_what_is_under_way_when_the_time_is_over_is_dropped_and_counted_once(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            gateway = Gateway(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=30)
            sender = FeedbackSender(gateway, linger_s=0.01, batch_max=2, close_s=0.1)
            for number in range(3):
                sender.send(prediction=f"p{number}", label=1)
            sender.close()
            sender.close()
        self.assertEqual(dict(sender.counts), {"dropped": 3})

    def test_what_is_refused_of_one_request_holds_back_no_other(self):
        with Server(results("joined"), answer(413, "{}"), results("joined")) as server:
            sender = FeedbackSender(Gateway(server.url, timeout_s=5), linger_s=60)
            with self.assertLogs("cutover", "ERROR"), sender:
                for label in [1, "x" * BATCH_BYTES_MAX, 2]:
                    sender.send(prediction="p", label=label)
        self.assertEqual(dict(sender.counts), {"joined": 2, "refused": 1})

    def test_another_server_at_the_address_is_waited_out(self):
        with self.assertLogs("cutover", "WARNING"):
            sender, _ = self.sent(answer(200, "<html>"), answer(302, "", "location: /"), results("joined"))
        self.assertEqual(dict(sender.counts), {"joined": 1})

    def test_a_key_that_no_field_can_carry_ends_no_thread(self):
        sender = FeedbackSender(Gateway("http://127.0.0.1:1", key="☃"), linger_s=0.01)
        with self.assertLogs("cutover", "ERROR") as logs, sender:
            sender.send(prediction="p", label=1)
        self.assertEqual(dict(sender.counts), {"refused": 1})
        self.assertNotIn("☃", str(logs.output))

    def test_an_open_sender_is_closed_where_the_interpreter_ends(self):
        program = (
            "import sys; from cutover import *\n"
            "FeedbackSender(Gateway(sys.argv[1]), linger_s=60).send(prediction='p', label=1)\n"
        )
        with Server(results("joined")) as server:
            subprocess.run([sys.executable, "-B", "-c", program, server.url], check=True, timeout=30)
            self.assertEqual([body for _, _, body in server.requests], [b'[{"prediction": "p", "label": 1}]'])

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_sends_its_own_outcomes_and_not_its_parents(self):
        with Server(results("joined"), results("joined")) as server:
            sender = FeedbackSender(Gateway(server.url, timeout_s=5), linger_s=60)
            sender.send(prediction="parent", label=1)
            child = os.fork()
            if child == 0:
                try:
                    sender.send(prediction="child", label=1)
                    sender.close()
                    os._exit(0 if dict(sender.counts) == {"joined": 1} else 1)
                finally:
                    os._exit(2)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            sender.close()
            self.assertEqual([b"child" in body for _, _, body in server.requests], [True, False])
        self.assertEqual(dict(sender.counts), {"joined": 1})

    def test_past_the_bound_the_newest_are_dropped_and_counted(self):
        with Server(results("joined", "joined")) as server:
            sender = FeedbackSender(Gateway(server.url), queue_max=2, batch_max=10_000, linger_s=60)
            taken = [sender.send(prediction=f"p{number}", label=1) for number in range(4)]
            self.assertEqual(taken, [True, True, False, False])
            sender.close()
        self.assertEqual(dict(sender.counts), {"joined": 2, "dropped": 2})

    def test_closing_takes_no_longer_than_it_may(self):
        began = time.monotonic()
        with self.assertLogs("cutover", "WARNING"):
            sender, _ = self.sent(*[answer(503, "{}")] * 20, close_s=0.2)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(dict(sender.counts), {"dropped": 1})
        with self.assertRaisesRegex(ValueError, "closed"):
            sender.send(prediction="p", label=1)


if __name__ == "__main__":
    unittest.main()
