"""Produce a few messages to a topic of your instance, or consume them.

    pip install confluent-kafka
    python3 client.py produce TOPIC
    python3 client.py consume TOPIC

The connection is described in client.ini, next to this file. The password is asked for, or read
from the first line of a file given as `--password-file FILE`.
"""

import argparse
import configparser
import getpass
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

Settings = dict[str, Any]
Report = Callable[[KafkaError | None, Message], None]

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0  # seconds

# After these, trying again would not help; other failures pass, such as a broker's restart.
REFUSALS = ("Authentication failed", "certificate verify failed")
# A broker that has just started may not know the topics yet; a moment later it does.
PASSING = (KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)


def main() -> int:
    options = parse_arguments()
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string((HERE / "client.ini").read_text(encoding="utf-8"))
    connection: Settings = {**ini["connection"], "error_cb": stop_when_refused}
    if "sasl.username" in connection:
        connection["sasl.password"] = read_password(options.password_file)
    if "ssl.ca.location" in connection:
        connection["ssl.ca.location"] = str(HERE.parent / ini["connection"]["ssl.ca.location"])
    try:
        if options.verb == "produce":
            return produce({**connection, **ini["producer"]}, options.topic, options.count)
        return consume({**connection, **ini["consumer"]}, options.topic, options.count)
    except KafkaException as error:
        print(f"stopped: {error.args[0]}", file=sys.stderr)
        return 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["produce", "consume"])
    parser.add_argument("topic")
    parser.add_argument("--count", type=int, default=10, help="number of messages (10)")
    parser.add_argument("--password-file", type=Path, help="its first line is the password")
    return parser.parse_args()


def stop_when_refused(error: KafkaError) -> None:
    if any(refusal in error.str() for refusal in REFUSALS):
        raise KafkaException(error)


def read_password(file: Path | None) -> str:
    if file is None:
        return getpass.getpass("Password of the Kafka user: ")
    return file.read_text(encoding="utf-8").splitlines()[0]


def produce(settings: Settings, topic: str, count: int) -> int:
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error:
            failures.append(error)
            print(f"not delivered: {error}", file=sys.stderr)
        else:
            print(f"delivered: partition {message.partition()} offset {message.offset()}")

    producer = Producer(settings)
    for number in range(count):
        send(producer, topic, f"message {number}", delivered)
    deadline = time.monotonic() + PATIENCE
    while len(producer) and time.monotonic() < deadline:
        producer.poll(0.1)
    if len(producer):
        print(f"not delivered within {PATIENCE:.0f} s: {len(producer)}", file=sys.stderr)
    return 1 if failures or len(producer) else 0


def send(producer: Producer, topic: str, value: str, delivered: Report) -> None:
    """Hand one message to the client, again for a while if the topic seems to be unknown."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            producer.produce(topic, value=value, on_delivery=delivered)
            return
        except BufferError:  # the client's queue is full: let it send
            producer.poll(1)
        except KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                raise
            producer.poll(0.1)


def consume(settings: Settings, topic: str, count: int) -> int:
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    deadline = time.monotonic() + PATIENCE
    received = 0
    try:
        while received < count and time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                print(f"error: {message.error()}", file=sys.stderr)
                continue
            received += 1
            text = (message.value() or b"").decode("utf-8", "replace")
            print(f"received: partition {message.partition()} offset {message.offset()}: {text}")
    finally:
        consumer.close()
    return 0 if received == count else 1


if __name__ == "__main__":
    sys.exit(main())
