"""What is said about a setting, where it is said, and who is heard first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_daemon import config, settings
from memscope_daemon.errors import ConfigurationError
from memscope_daemon.settings import SETTINGS

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the settings of this test are looked for; there are none yet."""
    for name in [name for name in os.environ if name.startswith("MEMSCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "memscope").mkdir(mode=0o700)
    return tmp_path / "memscope" / "config.toml"


def test_each_setting_has_a_meaning_and_its_default_makes_sense() -> None:
    assert config.PARSERS.keys() == SETTINGS.keys()
    for name in SETTINGS:
        config.said(name, config.PARSERS[name])


def test_the_environment_goes_before_the_file_and_that_before_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (config.keep_bytes(), settings.find("keep").origin) == (10 << 30, "default")
    file.write_text('# a file\n\nkeep = "3G"\nmax_overhead = 2.5\n')
    assert (config.keep_bytes(), settings.find("keep").origin) == (3 << 30, f"{file}:3")
    assert config.default_overhead() == 2.5
    monkeypatch.setenv("MEMSCOPE_KEEP", "5G")
    assert (config.keep_bytes(), settings.find("keep").origin) == (5 << 30, "MEMSCOPE_KEEP")
    monkeypatch.setenv("MEMSCOPE_KEEP", "")
    assert config.keep_bytes() == 3 << 30


def test_a_file_that_was_changed_is_read_again(file: Path) -> None:
    file.write_text('keep = "3G"\n')
    assert config.keep_bytes() == 3 << 30
    file.write_text('keep = "3000M"\n')
    assert config.keep_bytes() == 3000 << 20


def test_every_getter_reads_through_the_file(file: Path, tmp_path: Path) -> None:
    file.write_text(
        'daemon = "unix:/run/x.sock"\nstate_dir = "~/s"\nhistory = "testing"\npreset = "full"\n'
        'auto_export = "/var/r"\nevery = 300\nexport_format = ["json", "collapsed"]\nkeep_exports = 0\n'
    )
    assert config.default_address() == "unix:/run/x.sock"
    assert config.state_path() == Path.home() / "s"
    assert config.default_history().preset == "testing"
    assert config.default_preset().preset == "full"
    assert config.said("auto_export", config.parse_folder) == Path("/var/r")
    assert config.said("every", config.parse_every) == 300.0
    assert config.said("export_format", config.parse_formats) == ("json", "collapsed")
    assert config.said("keep_exports", config.parse_keep_exports) == 0


@pytest.mark.parametrize(
    ("text", "line", "code", "message", "next_step"),
    [
        ('\n\nkepe = "1G"\n', 3, "config.unknown-key", "no setting 'kepe'", "did you mean keep?"),
        ("max-overhead = 2\n", 1, "config.unknown-key", "'max-overhead'", "did you mean max_overhead?"),
        ("[zzzz]\nkeep = 1\n", 1, "config.unknown-key", "'zzzz'", "there are: daemon, state_dir,"),
        ('#\nkeep = "much"\n', 2, "config.bad-size", "'much' is not a size", "512K"),
        ('history = "long"\n', 1, "config.bad-history", "'long' is no bound", "production"),
        ("every = 0.01\n", 1, "config.bad-every", "every 0.01 seconds", "5m or 1h"),
        ("keep_exports = -1\n", 1, "config.bad-keep-exports", "no number of exports", "all stay"),
        ("export_format = []\n", 1, "config.bad-formats", "0 formats", "json"),
        ("keep = true\n", 1, "config.bad-value", "neither a text nor a number", "--example"),
        ("keep = [1]\n", 1, "config.bad-value", "neither a text nor a number", "--example"),
    ],
)
def test_what_makes_no_sense_is_told_with_file_and_line(
    file: Path, text: str, line: int, code: str, message: str, next_step: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        for name in SETTINGS:
            config.said(name, config.PARSERS[name])
    assert caught.value.code == code
    assert caught.value.message.startswith(f"{file}:{line}: ")
    assert message in caught.value.message
    assert next_step in caught.value.next_step
    assert caught.value.exit_code == 2


def test_a_value_in_the_environment_that_makes_no_sense_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEMSCOPE_KEEP", "much")
    with pytest.raises(ConfigurationError, match="MEMSCOPE_KEEP: 'much' is not a size"):
        config.keep_bytes()


@pytest.mark.parametrize("content", [b"keep = \n", b'keep = "\xff"\n', b'keep = "1G"\nkeep = "2G"\n'])
def test_a_file_that_is_no_toml_is_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        config.keep_bytes()
    assert (caught.value.code, str(file) in caught.value.message) == ("config.bad-file", True)


def test_a_folder_in_place_of_the_file_is_told(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        config.keep_bytes()
    assert caught.value.code == "config.file-unreadable"


def test_the_example_is_a_file_that_says_nothing_until_it_is_asked_to(file: Path) -> None:
    file.write_text(settings.example())
    assert {settings.find(name).origin for name in SETTINGS} == {"default"}
    lines = [line.removeprefix("#") if " = " in line else line for line in settings.example().splitlines()]
    file.write_text("\n".join(lines))
    for name in SETTINGS:
        config.said(name, config.PARSERS[name])
        assert settings.find(name).origin.startswith(str(file))


def memscoped(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "memscope_daemon", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **extra},
        capture_output=True,
        text=True,
        check=False,
    )


def test_config_prints_each_setting_with_its_origin(file: Path) -> None:
    file.write_text('\nkeep = "3G"\n')
    done = memscoped("config", MEMSCOPE_HISTORY="testing", MEMSCOPE_KEPE="1G")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["keep"] == ["keep", "3G", f"{file}:2"]
    assert rows["history"] == ["history", "testing", "MEMSCOPE_HISTORY"]
    assert rows["preset"] == ["preset", "production", "default"]
    assert "MEMSCOPE_KEPE in the environment is no setting; did you mean MEMSCOPE_KEEP?" in done.stderr
    document = json.loads(memscoped("config", "--json").stdout)
    assert [row["name"] for row in document["settings"]] == list(SETTINGS)
    assert document["settings"][2]["origin"] == f"{file}:2"
    assert memscoped("config", "--path").stdout == f"{file}\n"
    assert memscoped("config", "--example").stdout == settings.example()


def test_a_bad_file_stops_a_command_before_it_does_anything(file: Path) -> None:
    file.write_text("kepe = 1\n")
    for command in (("config",), ("attach", "1")):
        done = memscoped(*command)
        assert done.returncode == 2
        assert f"{file}:1: there is no setting 'kepe'" in done.stderr
        assert "did you mean keep?" in done.stderr


def test_without_a_file_nothing_is_read_for_it() -> None:
    code = (
        "import sys; from memscope_daemon import config; config.default_address();"
        " print([name for name in ('tomllib', 'difflib') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
