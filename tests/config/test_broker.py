"""The file broker, between two real connections."""

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu.connection import Connection

import config  # noqa: F401 names the transport
from config import broker


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[], Connection]]:
    folders = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }
    made: list[Connection] = []

    def one() -> Connection:
        made.append(Connection("filesystem://localhost", transport_options=folders))
        return made[-1]

    yield one
    for connection in made:
        connection.release()


@pytest.fixture
def queue_name(request: pytest.FixtureRequest) -> str:
    """A queue of its own: within a process, Kombu remembers a binding even when its folder has changed."""
    return str(request.node.name)


def test_the_file_broker_is_ours(connect: Callable[[], Connection]) -> None:
    assert isinstance(connect().transport, broker.Transport)


def test_messages_come_out_in_the_order_they_went_in(connect: Callable[[], Connection], queue_name: str) -> None:
    queue = connect().SimpleQueue(queue_name)
    for number in range(20):
        queue.put(number)
    assert [queue.get(timeout=1).payload for _ in range(20)] == list(range(20))


def test_what_could_not_be_written_leaves_nothing_to_read(connect: Callable[[], Connection], queue_name: str) -> None:
    channel = connect().channel()
    with pytest.raises(TypeError):
        channel._put(queue_name, {"body": object()})
    with pytest.raises(Empty):
        channel._get(queue_name)
