"""The unit that loads a table of ours: on brokers and on gateways."""

from __future__ import annotations

_NFT_UNIT = """[Unit]
Description={description}
DefaultDependencies=no
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {rules}
ExecReload=/usr/sbin/nft -f {rules}
ExecStop=-/usr/sbin/nft delete table {table}

[Install]
WantedBy=multi-user.target
"""


def nft_unit(description: str, rules: str, table: str) -> str:
    """Loads a file of nftables early at each boot; `table` (with its family) goes with the unit."""
    return _NFT_UNIT.format(description=description, rules=rules, table=table)
