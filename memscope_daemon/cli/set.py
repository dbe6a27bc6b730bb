"""``memscoped set PID --bytes 64K``: sample otherwise from now on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from memscope_daemon.cli.arguments import add_sampling, add_session, sampling_of
from memscope_daemon.cli.messages import say
from memscope_daemon.errors import ConfigurationError, ExitCode
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode

if TYPE_CHECKING:
    from memscope_client import Sampling

EXAMPLES = """\
examples:
  memscoped set 4242 --bytes 64K       eight times the samples of the default, stacks as before
  memscoped set 4242 --rate 1          every allocation
  memscoped set 4242 --depth 5         shallower stacks, as many samples as before
  memscoped set 4242 --preset production

What is not named stays as it is. Figures stay unbiased: each sample carries its own weight.
"""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "set",
        help="change the sampling of a session",
        description="Change how a process is sampled, from now on.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_session(parser)
    add_sampling(parser, default="as it is")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if {args.preset, args.rate, args.bytes, args.depth, args.seed} == {None}:
        raise ConfigurationError(
            "config.nothing-to-set",
            "nothing was named that is to be set",
            "name one of --preset, --rate, --bytes, --depth, --seed",
        )
    sampling_of(args)  # what makes no sense is refused before anybody is asked
    from memscope_daemon.cli.attach import wire_sampling
    from memscope_daemon.cli.find import find_session
    from memscope_daemon.cli.text import sampling_text

    client, session = find_session(args.session, args.daemon)
    with client:
        wanted = sampling_of(args, _own(session.sampling))
        changed = client.set_sampling(session.session_id, wire_sampling(wanted))
    say(f"process {changed.target.pid}: {sampling_text(changed.sampling)}")
    return int(ExitCode.DONE)


def _own(sampling: Sampling) -> SamplingConfig:
    mode = SamplingMode[sampling.mode.upper()]
    return SamplingConfig(mode, sampling.value, sampling.stacks, sampling.depth, None, sampling.preset)
