"""Orders, agreement, and the end when a rank is lost: real processes over loopback."""

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from constrained.errors import ShardingError
from constrained.ranks import channel
from constrained.ranks.channel import EXIT, Follower, Leader
from constrained.ranks.place import Address, Place

FOLLOWER = """
import sys
from constrained.ranks.channel import Follower
from constrained.ranks.place import Address, Place
rank, size, port, fact = *map(int, sys.argv[1:4]), sys.argv[4]
follower = Follower(Place(rank, size, "ring", Address("127.0.0.1", port)), patience=30)
follower.agree({"fact": fact})
for order in follower.orders():
    if "fail" in order:
        follower.fail("out of cheese")
    else:
        follower.answer({"did": order["do"], "rank": rank})
"""


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def place(rank: int, size: int, port: int) -> Place:
    return Place(rank, size, "ring", Address("127.0.0.1", port))


@pytest.fixture
def start():
    """Start another rank in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(rank: int, size: int, port: int, fact: str = "same") -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", FOLLOWER, str(rank), str(size), str(port), fact]
        started.append(subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        if process.stderr and not process.stderr.closed:
            process.communicate()


@pytest.fixture(scope="session", autouse=True)
def no_exit():
    """A rank in this process notices losses, but does not end the tests: its threads may do so after its test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel, "_end", lambda message, after: None)
        yield


class TestTwoFollowers:
    def test_orders_are_carried_out_and_answered_in_order(self, start):
        port = free_port()
        processes = [start(rank, 3, port) for rank in (1, 2)]
        leader = Leader(place(0, 3, port), patience=30)
        leader.agree({"fact": "same"})
        for number in range(20):
            leader.order({"do": number})
        for rank in (2, 1):
            assert [leader.answer_of(rank) for _ in range(20)] == [{"did": n, "rank": rank} for n in range(20)]
        leader.close()
        assert [process.wait(10) for process in processes] == [0, 0]

    def test_a_rank_that_differs_is_refused_with_both_values(self, start):
        port = free_port()
        processes = [start(1, 3, port, "other"), start(2, 3, port)]
        leader = Leader(place(0, 3, port), patience=30)
        with pytest.raises(ShardingError, match="fact is same on rank 0 and other on rank 1"):
            leader.agree({"fact": "same"})
        for process in processes:
            assert process.wait(10) == EXIT
            assert "fact is same on rank 0 and other on rank 1" in process.communicate()[1]

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    def test_a_rank_that_is_lost_is_named_and_ends_all(self, start, how, monkeypatch):
        monkeypatch.setattr(channel, "SILENCE", 3.0)
        port = free_port()
        processes = [start(rank, 3, port) for rank in (1, 2)]
        leader = Leader(place(0, 3, port), patience=30)
        told: list[ShardingError] = []
        noticed = threading.Event()

        def on_loss(error: ShardingError) -> None:
            told.append(error)
            noticed.set()

        leader.on_loss = on_loss
        leader.agree({"fact": "same"})
        leader.settle()
        processes[1].send_signal(how)
        assert noticed.wait(10)
        assert str(told[0]).startswith("rank 2 is lost: ")
        assert processes[0].wait(10) == EXIT
        with pytest.raises(ShardingError, match="rank 2 is lost"):
            leader.order({"do": 1})

    def test_a_rank_that_cannot_go_on_says_why(self, start):
        port = free_port()
        processes = [start(rank, 3, port) for rank in (1, 2)]
        leader = Leader(place(0, 3, port), patience=30)
        leader.agree({"fact": "same"})
        with pytest.raises(ShardingError, match=r"rank [12] is lost: out of cheese"):
            _ask(leader, {"fail": True})
        assert all(process.wait(10) == EXIT for process in processes)

    def test_strangers_are_not_let_in(self, start):
        port = free_port()
        process = start(1, 2, port)
        knocked = threading.Thread(target=_knock, args=(port,))
        knocked.start()
        leader = Leader(place(0, 2, port), patience=30)
        leader.agree({"fact": "same"})
        knocked.join()
        leader.close()
        assert process.wait(10) == 0


def _ask(leader: Leader, order: dict[str, bool]) -> None:
    """Sending it raises as well if one rank has failed before all have been told."""
    leader.order(order)
    leader.answer_of(1)


def _knock(port: int) -> None:
    """Connect as soon as somebody listens, and say something else."""
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                return
        except OSError:
            time.sleep(0.05)


def test_ranks_that_do_not_come_are_named():
    with pytest.raises(ShardingError, match="rank 1, 2 of 3 did not come"):
        Leader(place(0, 3, free_port()), patience=0.3)


def test_a_missing_rank_0_is_said():
    port = free_port()
    with pytest.raises(ShardingError, match=f"rank 0 does not answer at 127.0.0.1:{port}"):
        Follower(place(1, 2, port), patience=0.3)


def test_a_rank_0_that_hangs_up_is_said():
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        follower = Follower(place(1, 2, port), patience=5)
        follower._link.close()
        listener.accept()[0].close()
    with pytest.raises(ShardingError, match="rank 0 is lost"):
        follower.agree({"fact": "same"})


def test_a_port_in_use_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ShardingError, match=f"cannot listen on 127.0.0.1:{port}"):
            Leader(place(0, 2, port), patience=0.3)
