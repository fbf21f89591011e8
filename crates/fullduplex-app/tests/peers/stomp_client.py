"""`stomp.py` over `websocket-client`: python stomp_client.py PORT"""

import queue
import sys
import time

import stomp

events = queue.Queue()


class Listener(stomp.ConnectionListener):
    beats = 0

    def on_connected(self, frame):
        events.put(("connected", frame.headers["version"], frame.headers["heart-beat"]))

    def on_message(self, frame):
        names = ("subscription", "destination", "content-length", "content-type", "a-b")
        events.put(("message", [frame.headers.get(name) for name in names], frame.body))

    def on_receipt(self, frame):
        events.put(("receipt", frame.headers["receipt-id"]))

    def on_error(self, frame):
        events.put(("error", frame.headers["message"], frame.headers.get("receipt-id")))

    def on_disconnected(self):
        events.put(("disconnected",))

    def on_heartbeat(self):
        self.beats += 1

    def on_heartbeat_timeout(self):
        events.put(("timeout",))


def say():
    print(*events.get(timeout=10), flush=True)


def connection(**options):
    it = stomp.WSStompConnection([("127.0.0.1", int(sys.argv[1]))], **options)
    listener = Listener()
    it.set_listener("", listener)
    it.connect(wait=True)
    say()
    return it, listener


one, listener = connection(heartbeats=(100, 100))
one.subscribe("/topic/a:b", id="s:1", ack="auto", headers={"receipt": "subscribed"})
say()
one.send("/topic/a:b", "grüße", content_type="text/plain", headers={"a-b": "c\nd\r\\"})
say()
one.unsubscribe("s:1", headers={"receipt": "unsubscribed"})
say()
one.send("/topic/a:b", "to nobody", headers={"receipt": "sent"})
say()
time.sleep(4.5)
print("beats", one.transport.running, listener.beats >= 3, flush=True)
one.disconnect(receipt="bye")
say()
say()

two, _ = connection(binary_mode=True)
two.subscribe("/topic/b", id="s", ack="auto")
two.send("/topic/b", "in binary")
say()
two.begin()
say()
say()
