"""The secrets of the control plane: encrypted at rest, in clear only where they are used."""

from flows.adapters.secrets.blocks import RUN_BLOCK_PREFIX, PrefectBlocks, SecretBlocks
from flows.adapters.secrets.keyring import Keyring
from flows.adapters.secrets.store import FernetSecrets

__all__ = ["RUN_BLOCK_PREFIX", "FernetSecrets", "Keyring", "PrefectBlocks", "SecretBlocks"]
