"""Produce a few messages to a topic of your instance, or consume them.

    pip install confluent-kafka
    python3 client.py produce TOPIC
    python3 client.py consume TOPIC

The connection is described in client.ini, next to this file. The password, where one is needed,
is asked for, or read from the first line of a file given as `--password-file FILE`.
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
refused: list[str] = []
# A broker that has just started may not know the topics yet; a moment later it does.
PASSING = (KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)


def main() -> int:
    options = parse_arguments()
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string((HERE / "client.ini").read_text(encoding="utf-8"))
    connection: Settings = {**ini["connection"], "error_cb": note_refusal}
    if "sasl.username" in connection:
        connection["sasl.password"] = read_password(options.password_file)
    for name in [name for name in connection if name.endswith(".location")]:
        connection[name] = str(HERE.parent / ini["connection"][name])
    try:
        if options.verb == "produce":
            done = produce({**connection, **ini["producer"]}, options.topic, options.count)
        else:
            done = consume({**connection, **ini["consumer"]}, options.topic, options.count)
    except (KafkaException, BufferError) as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    if refused:
        print(f"stopped: {refused[0]}", file=sys.stderr)
    return 0 if done else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["produce", "consume"])
    parser.add_argument("topic")
    parser.add_argument("--count", type=int, default=10, help="number of messages (10)")
    parser.add_argument("--password-file", type=Path, help="its first line is the password")
    return parser.parse_args()


def note_refusal(error: KafkaError) -> None:
    """Called by the client, which may be shutting down: so nothing is raised here."""
    if any(refusal in error.str() for refusal in REFUSALS):
        refused.append(error.str())


def read_password(file: Path | None) -> str:
    if file is None:
        return getpass.getpass("Password of the Kafka user: ")
    return file.read_text(encoding="utf-8").splitlines()[0]


def produce(settings: Settings, topic: str, count: int) -> bool:
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error:
            failures.append(error)
            print(f"not delivered: {error}", file=sys.stderr)
        else:
            print(f"delivered: partition {message.partition()} offset {message.offset()}")

    producer = Producer(settings)
    deadline = time.monotonic() + PATIENCE
    for number in range(count):
        send(producer, topic, f"message {number}", delivered)
    while len(producer) and not refused and time.monotonic() < deadline:
        producer.poll(0.1)
    producer.purge()  # what is left is reported as not delivered
    producer.flush(1)
    return not failures


def send(producer: Producer, topic: str, value: str, delivered: Report) -> None:
    """Hand one message to the client, again for a while when it cannot take it now."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            producer.produce(topic, value=value, on_delivery=delivered)
            return
        except (BufferError, KafkaException) as error:
            if not passes(error) or time.monotonic() > deadline:
                raise
            producer.poll(0.1)


def passes(error: BufferError | KafkaException) -> bool:
    """Whether it is only a full queue, or a topic that a broker does not know yet."""
    return isinstance(error, BufferError) or error.args[0].code() in PASSING


def consume(settings: Settings, topic: str, count: int) -> bool:
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    deadline = time.monotonic() + PATIENCE
    received = 0
    while received < count and not refused and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            print(f"error: {message.error()}", file=sys.stderr)
            continue
        received += 1
        text = (message.value() or b"").decode("utf-8", "replace")
        print(f"received: partition {message.partition()} offset {message.offset()}: {text}")
    consumer.close()
    return received == count


if __name__ == "__main__":
    sys.exit(main())
