"""Sends events, one JSON object a line, to the topic: python produce.py [127.0.0.1:$broker_port] < events.jsonl"""

import json
import sys

from confluent_kafka import Producer

bootstrap = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:$broker_port"
producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 3})
for number, line in enumerate(sys.stdin, start=1):
    event = json.loads(line)
    producer.produce("events", line.strip(), key=event.get("user_id") or event["anonymous_id"])
    if number % 10_000 == 0:
        producer.flush()
sys.exit(f"{left} events were not delivered to {bootstrap}" if (left := producer.flush(30)) else 0)
