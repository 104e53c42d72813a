"""Which rank this process is, read off what `mlx.launch` (or mpirun) left in the environment.

Every rank opens a connection to rank 0, for orders and signs of life, before MLX connects the ranks for
its tensors. It goes to rank 0's host, one port below the first that MLX uses there:

    backend  rank and size                           rank 0's host and port
    ring     MLX_RANK, the length of MLX_HOSTFILE    its first address in MLX_HOSTFILE
    jaccl    MLX_RANK, the length of MLX_IBV_DEVICES MLX_JACCL_COORDINATOR
    nccl     MLX_RANK, MLX_WORLD_SIZE                NCCL_HOST_IP, NCCL_PORT
    mpi      OMPI_COMM_WORLD_RANK and ..._SIZE       only CONSTRAINED_CONTROL says

`CONSTRAINED_CONTROL=host:port`, the same on every rank, says otherwise.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from constrained.errors import ShardingError

Backend = Literal["ring", "jaccl", "nccl", "mpi"]
CONTROL = "CONSTRAINED_CONTROL"


class Address(NamedTuple):
    """Where rank 0 listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """This process among `size` ranks; `control` is where rank 0 listens for orders."""

    rank: int
    size: int
    backend: Backend
    control: Address

    @property
    def leads(self) -> bool:
        """Is this rank 0, which decides?"""
        return self.rank == 0


def place_from(environment: Mapping[str, str] = os.environ) -> Place | None:
    """This process's place; None where nobody launched several.

    Raises ShardingError for an environment that contradicts itself.
    """
    if "OMPI_COMM_WORLD_SIZE" in environment:
        rank, size = (_number(environment, f"OMPI_COMM_WORLD_{what}") for what in ("RANK", "SIZE"))
        return _checked(rank, size, "mpi", _address(environment.get(CONTROL)))
    if "MLX_RANK" not in environment:
        return None
    rank, control = _number(environment, "MLX_RANK"), _address(environment.get(CONTROL))
    if environment.get("MLX_IBV_DEVICES"):
        below = _below(_address(environment.get("MLX_JACCL_COORDINATOR")))
        return _checked(rank, len(_listed(environment, "MLX_IBV_DEVICES")), "jaccl", control or below)
    if "MLX_WORLD_SIZE" in environment:
        host, port = environment.get("NCCL_HOST_IP", ""), environment.get("NCCL_PORT", "")
        size = _number(environment, "MLX_WORLD_SIZE")
        return _checked(rank, size, "nccl", control or _below(_address(f"{host}:{port}")))
    if not environment.get("MLX_HOSTFILE"):
        return None  # one rank: mlx.launch leaves the file out
    hosts = _listed(environment, "MLX_HOSTFILE")
    addresses = cast("list[str]", hosts[0] if isinstance(hosts[0], list) else hosts)  # a host may have several
    return _checked(rank, len(hosts), "ring", control or _below(_address(str(addresses[0]))))


def _checked(rank: int, size: int, backend: Backend, control: Address | None) -> Place:
    if not 0 <= rank < size:
        raise ShardingError(f"this process is called rank {rank}, but there are {size} ranks")
    if control is None:
        raise ShardingError(f"nothing says where rank 0 listens: set {CONTROL}=host:port, the same on every rank")
    return Place(rank, size, backend, control)


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment.get(name, ""))
    except ValueError:
        raise ShardingError(f"{name}={environment.get(name)!r} is not a number") from None


def _address(text: str | None) -> Address | None:
    if not text or text == ":":
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ShardingError(f"{text!r} is not host:port")
    return Address(host.strip("[]"), int(port))


def _below(address: Address | None) -> Address | None:
    return None if address is None else Address(address.host, address.port - 1)


def _listed(environment: Mapping[str, str], name: str) -> list[Any]:
    """The JSON list in the file that `name` names."""
    path = Path(environment[name])
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ShardingError(f"{name}: cannot read {path}: {error}") from error
    if not isinstance(found, list) or not found:
        raise ShardingError(f"{name}: {path} holds no list of ranks")
    return cast("list[Any]", found)
