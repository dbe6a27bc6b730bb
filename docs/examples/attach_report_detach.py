"""Watches a process for some seconds and prints where its memory went.

    python docs/examples/attach_report_detach.py PID [SECONDS]

`memscoped serve` runs meanwhile.
"""

import sys
import time

from memscope_client import Client, DaemonError, Sampling, default_address


def main(pid: int, seconds: float) -> None:
    with Client(default_address()) as client:
        session = client.attach(pid, Sampling.bytes(64 * 1024)).result()
        try:
            time.sleep(seconds)
        finally:
            client.detach(session.session_id)
        report = client.report(session.session_id, site_count=3)
    live = report.figures.live_bytes
    print(f"{live.value:,.0f} bytes ({live.low:,.0f} to {live.high:,.0f}) stayed, most of them from:")
    for site in report.sites:
        print(f"  {site.live_bytes.value:12,.0f}  {site.function} ({site.file}:{site.line})")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
    except DaemonError as error:
        sys.exit(f"{error}\n{error.next_step}")
