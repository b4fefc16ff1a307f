"""Files that a user names: a pipe, a device or an endless file in their place neither holds up the agent nor fills its
memory."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.hardware.files import MOST_BYTES, read_plain, refuse_unwritable, refuse_unwritable_folder


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


OTHERS: list[tuple[Callable[[Path], object], str]] = [
    (os.mkfifo, "this is a pipe, not a file"),
    (os.mkdir, "this is a folder, not a file"),
    (listening, "this is a socket, not a file"),
    (lambda path: path.symlink_to("/dev/zero"), "this is a device, not a file"),
    (lambda path: path.write_bytes(bytes(MOST_BYTES + 1)), "larger than 1024 KiB, which is the most that is read here"),
    (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    (lambda path: None, "No such file or directory"),
]


@pytest.mark.parametrize(("make", "said"), OTHERS)
def test_what_is_no_plain_file_is_refused(make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(OSError, match=said) as refused:
        read_plain(tmp_path / "x")
    assert (refused.value.strerror, refused.value.filename) == (said, str(tmp_path / "x"))


@pytest.mark.parametrize(("make", "said"), OTHERS[:4])
def test_what_takes_its_place_in_the_last_moment_is_refused_too(
    make: Callable[[Path], object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first look there is a file; a pipe that takes its place has no writer, and would hold up the opening for
    ever."""
    make(tmp_path / "x")
    plain = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *_args, **_more: plain)
    with pytest.raises(OSError, match=r"this is a|No such device or address") as refused:
        read_plain(tmp_path / "x")
    assert Path(refused.value.filename) == tmp_path / "x"


def test_content_up_to_the_bound(tmp_path: Path) -> None:
    whole = bytes(range(256)) * 4 * 1024
    assert len(whole) == MOST_BYTES
    (tmp_path / "x").write_bytes(whole)
    assert read_plain(tmp_path / "x") == whole
    assert read_plain(str(tmp_path / "x")) == whole
    with pytest.raises(OSError, match="larger than 1023 KiB"):
        read_plain(tmp_path / "x", MOST_BYTES - 1)


def test_a_file_that_does_not_tell_its_size_has_a_bound_too() -> None:
    assert os.stat("/proc/self/maps").st_size == 0
    assert read_plain("/proc/self/maps")
    with pytest.raises(OSError, match="larger than 0 KiB") as refused:
        read_plain("/proc/self/maps", 100)
    assert refused.value.filename == "/proc/self/maps"


def test_a_name_with_a_nul(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="this cannot be the path of a file") as refused:
        read_plain("a\0b")
    assert refused.value.filename == "a\0b"


def test_nothing_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    before = os.listdir("/proc/self/fd")
    read_plain(tmp_path / "x")
    with pytest.raises(OSError):
        read_plain(tmp_path / "x", 0)
    assert os.listdir("/proc/self/fd") == before


def test_where_a_file_can_be_written(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x").write_text("what was there")
    refuse_unwritable(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "what was there"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "this is a folder"),
        ("file/x", "Not a directory"),
        ("none/x", "No such file or directory"),
        ("pipe", "No such device"),
        ("/proc/x", "/proc"),
    ],
)
def test_where_none_can_be_written(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=said):
        refuse_unwritable(tmp_path / name)


def test_a_folder_in_which_none_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        refuse_unwritable_folder(tmp_path / "file")
    refuse_unwritable_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []

    def read_only(**named: object) -> None:
        assert named == {"dir": tmp_path}
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with pytest.raises(OSError, match="Read-only"):
        refuse_unwritable_folder(tmp_path)
