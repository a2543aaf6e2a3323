"""The file broker of the embedded form: Kombu's own, but a message is seen only once it is whole."""

import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Kombu writes a message in place; a worker that looks into the folder meanwhile reads half of it and dies."""

    def _put(self, queue: str, payload: dict[str, Any], **options: Any) -> None:  # type: ignore[override]
        name = f"{time.monotonic_ns():020d}_{uuid4()}"  # messages are taken in the order of their names
        folder = Path(self.data_folder_out)
        draft = folder / f"{name}.draft"  # ends in no queue's name, so nobody takes it
        draft.write_text(dumps(payload), encoding="utf-8")
        os.replace(draft, folder / f"{name}.{queue}.msg")


class Transport(filesystem.Transport):
    """What `filesystem://` stands for here (see config.celery)."""

    Channel = Channel
