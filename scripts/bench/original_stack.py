"""The original system's way of a frame, its faults mended, as a yardstick: prints a line of JSON.

OpenCV reads the picture as grey, resizes it and runs the network (cv2.dnn); paho sends one message at QoS 1 for each
frame. One thread does all of it, one frame after the other, as the original's programs do; OpenCV uses THREADS.

Usage: original_stack.py FRAMES_FOLDER BUNDLE_FOLDER COUNT BROKER_PORT THREADS
"""
import json
import os
import resource
import sys
import time

STARTED = time.time()

import cv2
import numpy as np
import paho.mqtt.client as mqtt

WARM_FRAMES = 20
WINDOW = 64

folder, bundle, count, port, threads = sys.argv[1], sys.argv[2], *(int(word) for word in sys.argv[3:6])
cv2.setNumThreads(threads)
manifest = json.load(open(os.path.join(bundle, "manifest.json")))
preprocessing = manifest["preprocessing"]
if manifest.get("tiles") or preprocessing.get("clahe") or preprocessing["channels"] != "luma":
    sys.exit("this yardstick knows luma without tiles and CLAHE only")
if manifest["output"]["kind"] != "sigmoid":
    sys.exit("this yardstick knows sigmoid outputs only")
size = (manifest["input"]["width"], manifest["input"]["height"])
scale = preprocessing["scale"]
standard = preprocessing["normalisation"] == "standard"
classes = manifest["output"]["classes"]
temperature = manifest["calibration"]["temperature"]
network = cv2.dnn.readNetFromONNX(os.path.join(bundle, "model.onnx"))
files = sorted(name for name in os.listdir(folder) if name.lower().endswith((".jpg", ".jpeg")))

if hasattr(mqtt, "CallbackAPIVersion"):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"original-{os.getpid()}")
else:
    client = mqtt.Client(client_id=f"original-{os.getpid()}")
client.max_inflight_messages_set(WINDOW)
client.connect("127.0.0.1", port)
client.loop_start()


def judge(name):
    """Probability of each output class for one file."""
    data = np.fromfile(os.path.join(folder, name), dtype=np.uint8)
    grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR).astype(np.float32) * scale
    if standard:
        small = (small - small.mean()) / max(float(small.std()), 1 / 255)
    network.setInput(small.reshape(1, 1, size[1], size[0]))
    logits = network.forward("logits").reshape(-1) / temperature
    return 1 / (1 + np.exp(-logits))


def send(name, probabilities):
    payload = json.dumps(
        {"frame": name, "utc": time.time(), **{label: float(p) for label, p in zip(classes, probabilities)}}
    )
    return client.publish("specta/original/detections", payload, qos=1)


judge(files[0])
first_verdict_ms = (time.time() - STARTED) * 1000
for index in range(WARM_FRAMES):
    judge(files[index % len(files)])

said = {}
verdict_ms = []
last = None
used = resource.getrusage(resource.RUSAGE_SELF)
begin = time.perf_counter()
for index in range(count):
    name = files[index % len(files)]
    captured = time.perf_counter()
    probabilities = judge(name)
    verdict_ms.append((time.perf_counter() - captured) * 1000)
    if name not in said:
        said[name] = {label: float(p) for label, p in zip(classes, probabilities)}
    last = send(name, probabilities)
last.wait_for_publish()
seconds = time.perf_counter() - begin
after = resource.getrusage(resource.RUSAGE_SELF)
client.loop_stop()

print(
    json.dumps(
        {
            "fps": count / seconds,
            "cpu_ms_per_frame": (after.ru_utime - used.ru_utime + after.ru_stime - used.ru_stime) * 1000 / count,
            "capture_to_verdict_ms": {f"p{p}": float(np.percentile(verdict_ms, p)) for p in (50, 95, 99)},
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            "first_verdict_ms": first_verdict_ms,
            "opencv": cv2.__version__,
            "said": said,
        }
    )
)
