"""Values to messages and back."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from memscope_daemon._pb import events_pb2, report_pb2, session_pb2
from memscope_daemon.errors import ConfigurationError
from memscope_daemon.model.auto_export import DEFAULT_FORMAT, AutoExport, AutoExportStatus
from memscope_daemon.model.cost import Cost, StepChange
from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.history import HistoryFigures
from memscope_daemon.model.report import (
    DomainFigures,
    Estimate,
    Figures,
    Lifetimes,
    Mark,
    Quality,
    Report,
    SamplingPause,
    Site,
    ThreadFigures,
)
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import AttachFigures, SessionInfo, Target
from memscope_daemon.model.system import FIGURES, SystemSample
from memscope_daemon.model.variables import Variable

TEXT_CHARACTERS_MAX = 4096


def sampling_from(message: Any) -> SamplingConfig:
    """:raises ConfigurationError: the mode is not known. Values are not checked here."""
    try:
        mode = SamplingMode(message.mode)
    except ValueError:
        raise ConfigurationError(
            "config.bad-mode", f"sampling mode {message.mode} is not known", "use bytes or rate"
        ) from None
    seed = message.seed if message.seed_given or message.seed else None
    return SamplingConfig(mode, message.value, message.stacks, message.depth, seed, message.preset)


def sampling_to(config: SamplingConfig) -> session_pb2.SamplingConfig:
    return session_pb2.SamplingConfig(
        mode=_enum(config.mode),
        value=config.value,
        stacks=config.stacks,
        depth=config.depth,
        seed=config.seed or 0,
        seed_given=config.seed is not None,
        preset=config.preset,
    )


def auto_export_from(message: Any) -> AutoExport | None:
    """None: no folder is named, so nothing is to be written. Values are not checked here."""
    if not message.folder:
        return None
    formats = tuple(message.formats) or (DEFAULT_FORMAT,)
    return AutoExport(message.folder, message.every_s, formats, message.keep_count)


def auto_export_to(order: AutoExport | None) -> session_pb2.AutoExport:
    if order is None:
        return session_pb2.AutoExport()
    return session_pb2.AutoExport(
        folder=order.folder, every_s=order.every_s, formats=order.formats, keep_count=order.keep_count
    )


def target_from(message: Any) -> Target:
    """Texts are cut: they go into every answer about the session."""
    texts = (message.program, message.python_version, message.host)
    return Target(message.pid, message.start_time_ticks, *(text[:TEXT_CHARACTERS_MAX] for text in texts))


def session_to(info: SessionInfo) -> session_pb2.Session:
    target = info.target
    return session_pb2.Session(
        session_id=info.session_id,
        target=session_pb2.Target(
            pid=target.pid,
            start_time_ticks=target.start_time_ticks,
            program=target.program,
            python_version=target.python_version,
            host=target.host,
        ),
        state=_enum(info.state),
        end_reason=_enum(info.end_reason),
        end_detail=info.end_detail,
        started_unix_ns=info.started_unix_ns,
        duration_ns=info.duration_ns,
        sampling=sampling_to(info.sampling),
        attach=_attach(info.attach),
        detach=_attach(info.detach),
        store_path=info.store_path,
        max_overhead_percent=info.max_overhead_percent,
        step=_enum(info.step),
        paused=info.paused,
        auto_export=auto_export_to(info.auto_export),
        auto_export_status=_auto_export_status(info.auto_export_status),
    )


def _auto_export_status(status: AutoExportStatus) -> session_pb2.AutoExportStatus:
    return session_pb2.AutoExportStatus(
        written_unix_ns=status.written_unix_ns,
        written_count=status.written_count,
        skipped_count=status.skipped_count,
        error_code=status.error_code,
        error_message=status.error_message,
    )


def report_to(report: Report) -> report_pb2.Report:
    return report_pb2.Report(
        session=session_to(report.session),
        figures=figures_to(report.figures),
        sites=[site_to(site) for site in report.sites],
        threads=[thread_to(thread) for thread in report.threads],
        domains=[_domain(domain) for domain in report.domains],
        quality=quality_to(report.quality),
        cost=cost_to(report.cost),
        steps=_steps(report.steps, report.figures.time_ns),
        history=_history(report.history),
        pauses=[_pause(pause) for pause in report.pauses],
        marks=[mark_to(mark) for mark in report.marks],
        system_snapshots=[sample_to(sample) for sample in report.system_snapshots],
        host_snapshots=[sample_to(sample) for sample in report.host_snapshots],
        system_scopes=report.system_scopes,
        lifetimes=_lifetimes(report.lifetimes),
    )


def _lifetimes(found: Lifetimes | None) -> report_pb2.Lifetimes | None:
    if found is None:
        return None
    return report_pb2.Lifetimes(
        percentiles=[report_pb2.Percentile(**dataclasses.asdict(each)) for each in found.percentiles],
        classes=[
            report_pb2.LifetimeClass(
                up_to_ms=each.up_to_ms,
                freed_count=_estimate(each.freed_count),
                freed_bytes=_estimate(each.freed_bytes),
            )
            for each in found.classes
        ],
        freed_samples=found.freed_samples,
        live_samples=found.live_samples,
    )


def figures_to(figures: Figures) -> report_pb2.Figures:
    return report_pb2.Figures(
        time_ns=figures.time_ns,
        allocated_bytes=_estimate(figures.allocated_bytes),
        allocated_count=_estimate(figures.allocated_count),
        freed_bytes=_estimate(figures.freed_bytes),
        freed_count=_estimate(figures.freed_count),
        live_bytes=_estimate(figures.live_bytes),
        live_count=_estimate(figures.live_count),
        peak_bytes=_estimate(figures.peak_bytes),
        peak_time_ns=figures.peak_time_ns,
    )


def site_to(site: Site) -> report_pb2.Site:
    return report_pb2.Site(
        function=site.function,
        file=site.file,
        line=site.line,
        live_bytes=_estimate(site.live_bytes),
        live_count=_estimate(site.live_count),
        allocated_bytes=_estimate(site.allocated_bytes),
        allocated_count=_estimate(site.allocated_count),
        freed_bytes=_estimate(site.freed_bytes),
        freed_count=_estimate(site.freed_count),
        peak_bytes=_estimate(site.peak_bytes),
        impact=site.impact,
        is_hot=site.is_hot,
        peak_share=site.peak_share,
        pattern=site.pattern,
        variable=_variable(site.variable),
        variable_share=site.variable_share,
    )


def _variable(variable: Variable | None) -> report_pb2.Variable | None:
    if variable is None:
        return None
    return report_pb2.Variable(
        name=variable.name,
        kind=variable.kind,
        confidence=variable.confidence.name.lower(),
        function=variable.function,
        file=variable.file,
        line=variable.line,
    )


def quality_to(quality: Quality) -> report_pb2.Quality:
    return report_pb2.Quality(
        grade=quality.grade,
        drop_rate=quality.drop_rate,
        recorded_count=quality.recorded_count,
        lost_count=quality.lost_count,
        losses=[_loss(loss) for loss in quality.losses],
        unseen_bound_bytes=quality.unseen_bound_bytes,
        unresolved_count=quality.unresolved_count,
        written_count=quality.written_count,
    )


def cost_to(cost: Cost | None) -> report_pb2.Cost:
    """All zero where it was not measured."""
    if cost is None:
        return report_pb2.Cost()
    return report_pb2.Cost(
        in_target_ns=cost.in_target_ns, target_cpu_ns=cost.target_cpu_ns, percent=cost.percent
    )


def sample_to(sample: SystemSample) -> report_pb2.SystemSample:
    """None is not set."""
    return report_pb2.SystemSample(
        timestamp_ns=sample.timestamp, **{name: getattr(sample, name) for name in FIGURES}
    )


def _history(history: HistoryFigures) -> report_pb2.History:
    bounds = history.bounds
    return report_pb2.History(
        preset=bounds.preset,
        max_count=bounds.max_count,
        max_age_s=bounds.max_age_s,
        max_bytes=bounds.max_bytes,
        kept_count=history.kept_count,
        forgotten_count=history.forgotten_count,
        forgotten_until_ns=history.until_ns,
    )


def _steps(steps: tuple[StepChange, ...], end_ns: int) -> list[report_pb2.StepChange]:
    ends_ns = (*(step.since_ns for step in steps[1:]), end_ns)
    return [
        report_pb2.StepChange(
            step=_enum(step.step),
            since_ns=step.since_ns,
            until_ns=until_ns,
            sampling=sampling_to(step.sampling),
            cost_percent=step.cost_percent,
            why=step.why,
        )
        for step, until_ns in zip(steps, ends_ns, strict=False)
    ]


def mark_to(mark: Mark) -> report_pb2.Mark:
    return report_pb2.Mark(time_ns=mark.time_ns, label=mark.label)


def _pause(pause: SamplingPause) -> report_pb2.SamplingPause:
    return report_pb2.SamplingPause(since_ns=pause.since_ns, until_ns=pause.until_ns, by=pause.by)


def _enum(value: enum.IntEnum) -> Any:
    """Numbers are those of the wire; the stubs want types of their own."""
    return int(value)


def _estimate(estimate: Estimate) -> report_pb2.Estimate:
    return report_pb2.Estimate(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        sample_count=estimate.sample_count,
        exact=estimate.exact,
    )


def _attach(figures: AttachFigures) -> session_pb2.AttachFigures:
    stops = [
        session_pb2.TargetStop(
            purpose=stop.purpose, duration_ns=stop.duration_ns, interrupted_call=stop.interrupted_call
        )
        for stop in figures.stops
    ]
    return session_pb2.AttachFigures(
        route=figures.route,
        stops=stops,
        total_ns=figures.total_ns,
        waited_for_gil_ns=figures.waited_for_gil_ns,
    )


def thread_to(thread: ThreadFigures) -> report_pb2.ThreadFigures:
    return report_pb2.ThreadFigures(
        thread_id=thread.thread_id,
        native_id=thread.native_id,
        name=thread.name,
        allocated_bytes=_estimate(thread.allocated_bytes),
        allocated_count=_estimate(thread.allocated_count),
        live_bytes=_estimate(thread.live_bytes),
    )


def _domain(domain: DomainFigures) -> report_pb2.DomainFigures:
    return report_pb2.DomainFigures(
        domain=_enum(domain.domain),
        allocated_bytes=_estimate(domain.allocated_bytes),
        allocated_count=_estimate(domain.allocated_count),
        live_bytes=_estimate(domain.live_bytes),
    )


def _loss(loss: LossRow) -> events_pb2.Loss:
    return events_pb2.Loss(
        cause=loss.cause,
        record_count=loss.record_count,
        weighted_count=loss.weighted_count,
        weighted_bytes=loss.weighted_bytes,
    )
