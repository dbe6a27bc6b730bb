"""Folders, addresses, sizes and sampling: what is accepted, and what is said about the rest."""

from __future__ import annotations

import dataclasses
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from memscope_daemon import config
from memscope_daemon.errors import ConfigurationError
from memscope_daemon.model.sampling import PRESETS, SamplingConfig, SamplingMode

RATE, BYTES = SamplingMode.RATE, SamplingMode.BYTES


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("MEMSCOPE_STATE_DIR", "XDG_STATE_HOME", "MEMSCOPE_DAEMON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_folder_of_the_sockets_is_ours_alone(tmp_path: Path) -> None:
    assert config.runtime_dir() == tmp_path / "memscope"
    assert stat.S_IMODE(config.runtime_dir().stat().st_mode) == 0o700


def test_without_a_runtime_folder_the_temporary_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert config.runtime_dir() == tmp_path / f"memscope-{os.getuid()}"


def test_an_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "memscope").mkdir(mode=0o755)
    (tmp_path / "memscope").chmod(0o755)
    assert stat.S_IMODE(config.runtime_dir().stat().st_mode) == 0o700


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "memscope").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError) as caught:
        config.runtime_dir()
    assert caught.value.code == "config.folder-not-ours"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memscope").mkdir()
    os.chown(tmp_path / "memscope", 65534, 65534)
    with pytest.raises(ConfigurationError) as caught:
        config.runtime_dir()
    assert caught.value.code == "config.folder-not-ours"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memscope").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        config.runtime_dir()
    assert caught.value.code == "config.folder-unusable"


def test_a_socket_path_too_long_for_the_kernel_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 107)))
    with pytest.raises(ConfigurationError) as caught:
        config.default_address()
    assert caught.value.code == "config.socket-path-too-long"


def test_the_default_address_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSCOPE_DAEMON", "unix:/run/other.sock")
    assert config.default_address() == "unix:/run/other.sock"


def test_known_addresses_are_the_default_and_the_carried_ones(tmp_path: Path) -> None:
    folder = config.runtime_dir()
    (folder / "attach-104729.sock").touch()
    (folder / "something.else").touch()
    assert config.known_addresses() == (
        f"unix:{folder}/daemon.sock",
        f"unix:{folder}/attach-104729.sock",
    )
    assert config.carried_address(104729) == f"unix:{folder}/attach-104729.sock"


def test_data_is_kept_where_the_desktop_convention_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config.state_dir() == tmp_path / "home/.local/state/memscope"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert config.state_dir() == tmp_path / "state/memscope"
    monkeypatch.setenv("MEMSCOPE_STATE_DIR", str(tmp_path / "own"))
    assert config.state_dir() == tmp_path / "own"


SIZES = {"4096": 4096, "64K": 65536, "512KiB": 524288, "1.5M": 1572864, "2 GiB": 2**31, "3kb": 3072, "7B": 7}


@pytest.mark.parametrize(("text", "expected"), SIZES.items())
def test_sizes_take_units_of_1024(text: str, expected: int) -> None:
    assert config.parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "K", "-1", "1e6", "5Q", "1 2", "0x10", "1,5M"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        config.parse_size(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_can_be_followed(name: str) -> None:
    assert config.check_sampling(config.preset(name)).preset == name


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        config.preset("produktion")
    assert "production" in caught.value.next_step


WRONG = {
    "config.bad-rate": [SamplingConfig(RATE, value) for value in (0.0, -0.5, 1.000001, float("nan"))],
    "config.bad-bytes": [SamplingConfig(BYTES, value) for value in (0.0, 0.999, float("inf"), float("nan"))],
    "config.bad-depth": [SamplingConfig(RATE, 0.5, depth=depth) for depth in (-1, 513)],
    "config.bad-seed": [SamplingConfig(RATE, 0.5, seed=seed) for seed in (-1, 2**64)],
}


@pytest.mark.parametrize(
    ("code", "wrong"), [(code, wrong) for code, all_wrong in WRONG.items() for wrong in all_wrong]
)
def test_a_senseless_setting_is_refused_with_a_next_step(code: str, wrong: SamplingConfig) -> None:
    with pytest.raises(ConfigurationError) as caught:
        config.check_sampling(wrong)
    assert caught.value.code == code
    assert caught.value.next_step


@given(some.floats(min_value=1e-12, max_value=1.0), some.integers(0, 512), some.integers(0, 2**64 - 1))
def test_every_probability_depth_and_seed_in_range_is_accepted(rate: float, depth: int, seed: int) -> None:
    wanted = dataclasses.replace(SamplingConfig(RATE, rate), depth=depth, seed=seed)
    assert config.check_sampling(wanted) is wanted


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("production", (50_000, 1800.0, 256 << 20)),
        ("unbounded", (0, 0.0, 0)),
        ("50k,30m,256M", (50_000, 1800.0, 256 << 20)),
        ("1.5M, 2h, 1G", (1_500_000, 7200.0, 1 << 30)),
        ("1009,,", (1009, 0.0, 0)),
        (",90s,", (0, 90.0, 0)),
    ],
)
def test_bounds_of_history_are_a_preset_or_a_count_an_age_and_a_size(
    text: str, bounds: tuple[int, float, int]
) -> None:
    found = config.parse_history(text)
    assert (found.max_count, found.max_age_s, found.max_bytes) == bounds


@pytest.mark.parametrize("text", ["", "producton", "1,2", "1,2,3,4", "x,1m,1M", "1,1w,1M", "1,1m,1Q", "-1,,"])
def test_bounds_of_history_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no bound of history|not a size"):
        config.parse_history(text)


@pytest.mark.parametrize(("text", "percent"), [("5", 5.0), ("0.5%", 0.5), ("none", 0.0), ("None", 0.0)])
def test_a_budget_is_a_percentage_or_none(text: str, percent: float) -> None:
    assert config.parse_overhead(text) == percent


@pytest.mark.parametrize("text", ["", "much", "-1", "nan", "inf", "1001"])
def test_a_budget_that_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a budget of"):
        config.parse_overhead(text)


def test_budget_and_history_come_from_the_environment_where_nothing_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MEMSCOPE_MAX_OVERHEAD", raising=False)
    monkeypatch.delenv("MEMSCOPE_HISTORY", raising=False)
    assert (config.default_overhead(), config.default_history().preset) == (0.0, "development")
    monkeypatch.setenv("MEMSCOPE_MAX_OVERHEAD", "2%")
    monkeypatch.setenv("MEMSCOPE_HISTORY", "testing")
    assert (config.default_overhead(), config.default_history().preset) == (2.0, "testing")
