"""What clients of other networks are served: where it is looked at, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from flows.domain.listeners import Protocol
from flows.domain.served_elsewhere import differs_there
from flows.domain.vantage import Address, Answer, Stage

CHAIN = (b"own", b"cross")
RIGHT = Answer(
    Address(1, "203.0.113.1", 9095, Protocol.SASL_SSL), Stage.RIGHT, served=("own", "cross")
)


def test_the_whole_chain_is_compared() -> None:
    another = "another certificate, or another chain, is served there"
    assert differs_there(RIGHT, CHAIN) is None
    assert differs_there(replace(RIGHT, served=("else", "cross")), CHAIN) == another
    assert differs_there(replace(RIGHT, served=("own",)), CHAIN) == another
    assert differs_there(replace(RIGHT, served=()), CHAIN) == another


def test_a_vantage_that_sees_the_first_certificate_alone_is_asked_for_no_more() -> None:
    short = replace(RIGHT, served=("own",), whole=False)
    assert differs_there(short, CHAIN) is None
    assert differs_there(replace(short, served=("else",)), CHAIN) is not None


def test_whoever_is_not_reached_is_not_asked_what_is_served() -> None:
    assert differs_there(replace(RIGHT, reason="broker 2 answers there"), CHAIN) == (
        "broker 2 answers there"
    )
