"""Descriptors by name: Lichtmast's own come first, then other packages'. A broken one matters only if asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.main import WRONG_USE, main
from agent.parts.interfaces import INTERFACES, driver_of
from agent.parts.named import UnknownName, Unusable, part
from tests.rigs.emulated import ROOT
from tests.rigs.gateway import BusOf, board_text
from tests.rigs.outside import installed

CODEC = """
from protocols.dali_interfaces.product import Product


def messages(channel, transmission, priority):
    raise {error}


PRODUCT = Product(
    "{name}", title="x", driver="{driver}", emulation="{emulation}", baud=9600, messages=messages, channels=2
)
NUMBER = 3
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def codec(
    site: Path,
    module: str,
    name: str,
    driver: str = "drivers.dali.sci2:Sci2",
    emulation: str = "hil.devices.sci2:Sci2",
    error: str = "KeyError(5)",
) -> None:
    text = CODEC.format(name=name, driver=driver, emulation=emulation, error=error)
    (site / f"{module}.py").write_text(text)


def checked(folder: Path, interface: str, capsys: pytest.CaptureFixture[str], channel: int = 1) -> tuple[int, str]:
    """Returns the exit code and output of `lichtmast check` of a board with the interface, without the board's path."""
    text = board_text(folder, [BusOf("A", 1, channel=channel)])
    path = folder / "board.toml"
    path.write_text(text.replace('interface = "atx_hat"', f'interface = "{interface}"'))
    code = main(["check", str(path), "--night", "2026-01-15"])
    return code, capsys.readouterr().out.replace(f"{path}:", "")


@pytest.mark.parametrize(
    "name", ["", "nothing", "sci2_", "sci3", "_sci2", "product", "../sci2", "SCI2", "sci2 ", "x" * 99]
)
def test_a_text_that_is_no_name_is_unknown(name: str) -> None:
    with pytest.raises(UnknownName):
        INTERFACES.find(name)


def test_the_interface_of_another_package_is_found_and_driven(site: Path) -> None:
    codec(site, "found_codec", "found")
    installed(site, "lichtmast-found", "found = found_codec:PRODUCT")
    assert INTERFACES.find("found").channels == 2
    assert driver_of("found") is driver_of("sci2")
    assert "found" in INTERFACES.names()
    assert "found" not in [product.name for product in INTERFACES.own()]


def test_a_package_whose_files_are_damaged_takes_no_other_one_with_it(site: Path) -> None:
    codec(site, "found_codec", "found")
    installed(site, "lichtmast-found", "found = found_codec:PRODUCT")
    installed(site, "a-damaged-one", "no entry point at all")
    installed(site, "a-nameless-one", "nameless = found_codec:PRODUCT")
    (site / "a_nameless_one-0.1.dist-info" / "METADATA").unlink()
    (site / "an_empty_one-0.1.dist-info").mkdir()
    assert INTERFACES.find("found").channels == 2
    assert "found" in INTERFACES.names()
    with pytest.raises(UnknownName):
        INTERFACES.find("nameless")


def test_a_package_that_is_found_twice_is_one(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec(site, "found_codec", "found")
    installed(site, "lichtmast-found", "found = found_codec:PRODUCT")
    (tmp_path / "older").mkdir()
    installed(tmp_path / "older", "lichtmast-found", "found = no_such_module:PRODUCT")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "older")])
    assert INTERFACES.find("found").channels == 2


@pytest.mark.parametrize(
    ("entry_point", "said"),
    [
        (
            "broken = no_such_module:PRODUCT",
            "the package lichtmast-broken offers it, but no_such_module:PRODUCT cannot be imported"
            " (ModuleNotFoundError: No module named 'no_such_module'): repair or reinstall it",
        ),
        (
            "broken = wrong_codec:NUMBER",
            "the package lichtmast-broken offers something else (int) at wrong_codec:NUMBER: its entry point must"
            ' lead to a protocols.dali_interfaces.product.Product of the name "broken"',
        ),
        (
            "broken = wrong_codec:PRODUCT",
            'the package lichtmast-broken offers the name "other" at wrong_codec:PRODUCT: its entry point must lead to'
            ' a protocols.dali_interfaces.product.Product of the name "broken"',
        ),
    ],
)
def test_a_broken_entry_point_is_a_sentence_of_check_where_the_board_names_it(
    entry_point: str, said: str, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec(site, "wrong_codec", "other")
    installed(site, "lichtmast-broken", entry_point)
    assert checked(tmp_path, "broken", capsys) == (WRONG_USE, f'15: interface = "broken": {said}\n')
    # If the board names another interface, there is no problem and no finding.
    code, output = checked(tmp_path, "luba", capsys)
    assert (code, "note: " in output) == (0, False)
    # Its name is proposed for a mistyped one.
    assert 'interface = "brokn" is not known: did you mean broken?' in checked(tmp_path, "brokn", capsys)[1]


def test_two_packages_with_one_name_exclude_each_other(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec(site, "twice_codec", "twice")
    for package in ("lichtmast-one", "lichtmast-two"):
        installed(site, package, "twice = twice_codec:PRODUCT")
    assert checked(tmp_path, "twice", capsys) == (
        WRONG_USE,
        '15: interface = "twice": the packages lichtmast-one and lichtmast-two both offer a DALI interface twice:'
        " uninstall one of them\n",
    )


def test_a_package_that_claims_a_name_of_lichtmasts_own_is_never_used_and_is_noted(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(site, "lichtmast-rival", "luba = no_such_module:PRODUCT")
    assert INTERFACES.find("luba").driver == "drivers.dali.luba:Luba"
    code, output = checked(tmp_path, "luba", capsys)
    assert code == 0
    assert (
        "  note: 15: the package lichtmast-rival offers an interface luba too: Lichtmast's own is used, so uninstall"
        " the package, or write the name that it gives to its own\n"
    ) in output


def test_a_driver_that_cannot_be_imported_is_refused_and_an_emulation_is_noted(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec(site, "half_codec", "half", driver="drivers.dali.sci2:NoSuchClass")
    codec(site, "bare_codec", "bare", emulation="no_such_module:Bare")
    installed(site, "lichtmast-half", "half = half_codec:PRODUCT", "bare = bare_codec:PRODUCT")
    code, output = checked(tmp_path, "half", capsys)
    assert code == WRONG_USE
    assert output.startswith(
        '15: interface = "half": it cannot be driven: drivers.dali.sci2:NoSuchClass cannot be imported (AttributeErr'
    )
    code, output = checked(tmp_path, "bare", capsys)
    assert code == 0
    assert '  note: 15: interface = "bare": it cannot be emulated: no_such_module:Bare cannot be imported' in output


@pytest.mark.parametrize(
    ("interface", "channel", "said"),
    [
        ("sevenlab", 3, "17: channel = 3: the interface sevenlab has one bus: write channel = 1\n"),
        ("luba", 5, "17: channel = 5: the interface luba has 4 buses: write a channel from 1 to 4\n"),
        ("wide", 3, "17: channel = 3: the interface wide has 2 buses: write a channel from 1 to 2\n"),
    ],
)
def test_a_channel_that_the_interface_does_not_have_is_refused(
    interface: str, channel: int, said: str, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec(site, "wide_codec", "wide")
    installed(site, "lichtmast-wide", "wide = wide_codec:PRODUCT")
    assert checked(tmp_path, interface, capsys, channel) == (WRONG_USE, said)
    assert checked(tmp_path, interface, capsys, channel - 1 if interface != "sevenlab" else 1)[0] == 0


def test_a_place_that_is_no_class_is_unusable() -> None:
    for place in ("protocols.dali_interfaces.luba:BAUD", "protocols.dali_interfaces.luba", "", "a b:c", "...:x"):
        with pytest.raises(Unusable):
            part(place)


def test_a_name_of_lichtmasts_own_is_found_without_a_search_of_the_installed_packages() -> None:
    """A search of the installed packages would cost a gateway time and memory."""
    script = (
        "import sys\n"
        "from agent.parts.interfaces import INTERFACES, driver_of\n"
        "for name in ('sci2_2', 'luba'): driver_of(name)\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "assert 'protocols.dali_interfaces.sevenlab' not in sys.modules\n"
        "INTERFACES.names()\n"
        "assert 'importlib.metadata' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
