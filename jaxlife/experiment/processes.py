"""Several processes of one run: only the chief writes files and speaks; all compute.

`jax.distributed.initialize()` is called in `jaxlife.bin`, nowhere else. With one process everything here does nothing.
"""

import jax
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxlife.core.types import PyTree


def is_chief() -> bool:
    """Says whether this process writes the files.

    Example:
        >>> is_chief()
        True
    """
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Waits until every process is here.

    Example:
        >>> barrier("begin")
    """
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def replicate(tree: PyTree) -> PyTree:
    """Puts arrays that are equal in every process on all devices, so that one program can span them.

    Leaves that already span the processes stay where they are.

    Example:
        >>> replicate({"a": 1.0})
        {'a': 1.0}
    """
    if jax.process_count() == 1:
        return tree
    mesh = jax.make_mesh((jax.device_count(),), ("all",), axis_types=(AxisType.Auto,))
    everywhere = NamedSharding(mesh, PartitionSpec())
    local = lambda leaf: not isinstance(leaf, jax.Array) or leaf.is_fully_addressable  # noqa: E731
    return jax.tree.map(lambda leaf: jax.device_put(leaf, everywhere) if local(leaf) else leaf, tree)


def agree(flag: bool) -> bool:
    """Returns the chief's flag in every process.

    Example:
        >>> agree(True)
        True
    """
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.broadcast_one_to_all(flag))
