"""Subscribes with Eclipse Paho and prints each message as one line of JSON: {"topic", "payload"}, of a picture the topic only. Ends after COUNT messages, where that is not 0."""

import json
import sys

import paho.mqtt.client as mqtt

port, count = int(sys.argv[1]), int(sys.argv[2])
seen = 0


def on_connect(client, *_):
    client.subscribe("specta/#", qos=1)


def on_subscribe(*_):
    print(json.dumps({"topic": "ready", "payload": None}), flush=True)


def on_message(client, _, message):
    global seen
    is_picture = message.topic.endswith("/image")
    payload = None if is_picture else json.loads(message.payload)
    print(json.dumps({"topic": message.topic, "payload": payload}), flush=True)
    seen += 1
    if seen == count:
        client.disconnect()


try:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
except AttributeError:
    client = mqtt.Client()
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect("127.0.0.1", port)
client.loop_forever()
