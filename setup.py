"""Builds the shim (plain C, no Python headers) beside the package; everything else stands in pyproject.toml."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop
from setuptools.dist import Distribution

TARGET = Path("memscope_daemon/shim/target")
CFLAGS = [
    "-std=gnu11", "-O2", "-g1", "-fPIC", "-shared", "-fvisibility=hidden", "-ftls-model=initial-exec",
    "-fno-stack-protector", "-fno-plt", "-fno-jump-tables", "-fcf-protection=none", "-fno-strict-aliasing",
    "-fno-semantic-interposition", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wstrict-prototypes",
    "-Wmissing-prototypes", "-Wno-unused-parameter",
]
LDFLAGS = ["-Wl,-z,relro,-z,now,-z,noexecstack", "-Wl,--no-undefined", "-Wl,--build-id=sha1", "-lc"]


def build_shim(destination: Path) -> Path:
    """Compiles the shim to ``destination``; says what to install where there is no compiler."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        sys.exit(
            "memscope: no C compiler found. The shim (a small C library) is built at installation: install gcc "
            "(Debian: apt-get install gcc libc6-dev; Fedora: dnf install gcc glibc-devel), or install a prebuilt wheel."
        )
    sources = sorted(str(path) for path in TARGET.rglob("*.c"))
    destination.parent.mkdir(parents=True, exist_ok=True)
    aside = destination.with_suffix(f".{os.getpid()}.tmp")
    command = [compiler, *CFLAGS, f"-I{TARGET}/include", f"-I{TARGET}", *sources, "-o", str(aside), *LDFLAGS]
    subprocess.run(command, check=True)
    aside.replace(destination)
    return destination


class BuildPy(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            build_shim(Path("memscope_daemon/shim/memscope_shim.so"))
        else:
            build_shim(Path(self.build_lib) / "memscope_daemon/shim/memscope_shim.so")


class Develop(develop):
    def run(self) -> None:
        build_shim(Path("memscope_daemon/shim/memscope_shim.so"))
        super().run()


class BinaryDistribution(Distribution):
    """The wheel carries compiled code, so it is made for one platform."""

    def has_ext_modules(self) -> bool:
        return True


try:
    from setuptools.command.bdist_wheel import bdist_wheel

    class Wheel(bdist_wheel):
        """The shim serves every CPython, so the wheel is tagged py3-none-<platform>."""

        def get_tag(self) -> tuple[str, str, str]:
            return "py3", "none", super().get_tag()[2]

    COMMANDS = {"build_py": BuildPy, "develop": Develop, "bdist_wheel": Wheel}
except ImportError:  # setuptools without bdist_wheel
    COMMANDS = {"build_py": BuildPy, "develop": Develop}

if __name__ == "__main__":
    setup(cmdclass=COMMANDS, distclass=BinaryDistribution)
