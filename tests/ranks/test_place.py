"""Which rank a process is, as launchers say it."""

import json

import pytest

from constrained.errors import ShardingError
from constrained.ranks.place import Address, Place, place_from


@pytest.fixture
def file(tmp_path):
    """Write a JSON file and return its path."""

    def write(content: object) -> str:
        path = tmp_path / "hosts.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


RING = [["10.0.0.1:5000"], ["10.0.0.2:5001"], ["10.0.0.3:5002"]]


def test_nobody_launched_several():
    assert place_from({}) is None
    assert place_from({"MLX_RANK": "0"}) is None


def test_ring(file):
    environment = {"MLX_RANK": "2", "MLX_HOSTFILE": file(RING)}
    assert place_from(environment) == Place(2, 3, "ring", Address("10.0.0.1", 4999))
    assert not Place(2, 3, "ring", Address("", 1)).leads


def test_a_ring_with_several_connections_a_host(file):
    hosts = [["10.0.0.1:5000", "10.0.1.1:5001"], ["10.0.0.2:5002", "10.0.1.2:5003"]]
    assert place_from({"MLX_RANK": "0", "MLX_HOSTFILE": file(hosts)}) == Place(0, 2, "ring", Address("10.0.0.1", 4999))


def test_jaccl(file):
    environment = {
        "MLX_RANK": "1",
        "MLX_IBV_DEVICES": file([[None, "rdma_en5"], ["rdma_en5", None]]),
        "MLX_JACCL_COORDINATOR": "10.0.0.1:32323",
    }
    assert place_from(environment) == Place(1, 2, "jaccl", Address("10.0.0.1", 32322))


def test_nccl():
    environment = {"MLX_RANK": "1", "MLX_WORLD_SIZE": "4", "NCCL_HOST_IP": "10.0.0.9", "NCCL_PORT": "12345"}
    assert place_from(environment) == Place(1, 4, "nccl", Address("10.0.0.9", 12344))


def test_mpi_needs_to_be_told_where_rank_0_listens():
    environment = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}
    with pytest.raises(ShardingError, match="CONSTRAINED_CONTROL"):
        place_from(environment)
    told = environment | {"CONSTRAINED_CONTROL": "[fe80::1]:99"}
    assert place_from(told) == Place(1, 2, "mpi", Address("fe80::1", 99))


def test_what_is_told_goes_before_what_is_derived(file):
    environment = {"MLX_RANK": "0", "MLX_HOSTFILE": file(RING), "CONSTRAINED_CONTROL": "localhost:7"}
    assert place_from(environment) == Place(0, 3, "ring", Address("localhost", 7))


@pytest.mark.parametrize(
    ("content", "changed", "message"),
    [
        (RING, {"MLX_RANK": "3"}, "rank 3, but there are 3"),
        (RING, {"MLX_RANK": "x"}, "MLX_RANK='x' is not a number"),
        ([], {}, "holds no list"),
        ("{", {}, "cannot read"),
        (RING, {"CONSTRAINED_CONTROL": "nowhere"}, "'nowhere' is not host:port"),
        (RING, {"CONSTRAINED_CONTROL": "a:99999"}, "is not host:port"),
    ],
)
def test_contradictions_are_named(file, content, changed, message):
    with pytest.raises(ShardingError, match=message):
        place_from({"MLX_RANK": "0", "MLX_HOSTFILE": file(content)} | changed)
