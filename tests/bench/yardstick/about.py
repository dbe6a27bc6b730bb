"""Where and of what the figures are."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from tests.bench.yardstick.environment import packages_of, version_of
from tests.support.daemon import ROOT


def about(command: str, python: Path) -> dict[str, str]:
    """Made before anything runs: the load is that of others."""
    packages = ", ".join(f"{name} {version}" for name, version in sorted(packages_of(python).items()))
    return {
        "command": command,
        "commit": commit(),
        "targets": f"{version_of(python)}; {packages or 'no packages'}",
        "machine": f"{processor()}, {os.cpu_count()} processors, Linux {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def commit() -> str:
    """With ``+`` behind it where files differ from it; empty without a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
