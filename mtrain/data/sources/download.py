"""Files fetched over the network, kept only if their hash is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pooch
import requests

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from pathlib import Path

DOWNLOAD_FROM = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
"""The address that Keras uses, too."""


def fetch(file: str, known_hash: str, folder: Path, *, progress: bool) -> None:
    """Fetch `file` into `folder`; raises `MtrainError` without network or on a wrong hash."""
    pooch.get_logger().setLevel("WARNING")  # the bar says that something is downloaded
    try:
        pooch.retrieve(
            DOWNLOAD_FROM + file, known_hash, fname=file, path=folder, progressbar=progress
        )
    except requests.ConnectionError as error:
        raise MtrainError(f"there is no connection to {DOWNLOAD_FROM}{file}") from error
    except (requests.RequestException, OSError, ValueError) as error:
        raise MtrainError(f"{DOWNLOAD_FROM}{file} cannot be downloaded: {error}") from error
