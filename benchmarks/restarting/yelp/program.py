"""kafka-utils' own `kafka-rolling-restart`, which can reach a ZooKeeper that asks for a login.

It has no option for one: the first line of standard input is JSON with `username` and `password`.
Runs in the virtual environment of kafka-utils; nothing else of it is changed.
"""

from __future__ import annotations

import json
import sys
from functools import partial

from kafka_utils.kafka_rolling_restart import main  # type: ignore[import-not-found]
from kafka_utils.util import zookeeper  # type: ignore[import-not-found]

if __name__ == "__main__":
    login = {"mechanism": "DIGEST-MD5", **json.loads(sys.stdin.readline())}
    zookeeper.KazooClient = partial(zookeeper.KazooClient, sasl_options=login)
    main.run()
