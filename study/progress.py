"""What a person sees while a study runs, and the callback that keeps its files up to date.

In a terminal a small table is drawn over and over; anywhere else each run that ends is a line. Nothing here may raise
into Ray: see `study.search.guarded`.
"""
# ruff: noqa: ARG002 - the signatures are Ray's

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.dispatch import Dispatcher
from study.history import HistoryWriter
from study.launches import LaunchClock
from study.losses import loss_text
from study.optuna_store import OptunaStore
from study.pace import time_left_s
from study.plan_text import duration
from study.planned import PlannedRun, name_of
from study.recovery import ENDS
from study.search import guarded
from study.standing import Standing
from study.trial import Report

FRAME_S = 0.25
HEARTBEAT_S = 60.0
NARROW = 100
"""Columns of a terminal below which a run's row has no bar, so that its losses have room."""

NUM_ROWS = 8
"""Runs that the table has room for."""


class Display(Protocol):
    """Shows how a study stands."""

    def report(self, report: Report) -> None:
        """Take a sign of life, after the books have."""

    def refresh(self) -> None:
        """Draw anew, if it is time."""

    def say(self, text: str) -> None:
        """Show a sentence."""

    def close(self) -> None:
        """Draw for the last time."""


class DriverCallback(tune.Callback):
    """Takes the reports of all lanes to the dispatcher, the history and the display; copies searches, counts hours.

    Attributes:
        num_running: Lanes that have a worker, once nothing is handed out any more; None until then.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        history: HistoryWriter,
        store: OptunaStore,
        display: Display,
        clock: LaunchClock,
    ) -> None:
        self.dispatcher = dispatcher
        self._clock = clock
        self._history = history
        self._store = store
        self._display = display
        self._actors: dict[str, str] = {}
        self._told: set[str] = set()
        self.num_running: int | None = None

    @guarded()
    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note which worker a lane has."""
        self._actors[trial.trial_id] = trial.temporary_state.ray_actor._actor_id.hex()

    def was_killed(self, message: str, trial_id: str) -> bool:
        """Return whether a message of Ray's is about the worker of a lane, which has no name before it has started."""
        named = {actor for actor in self._actors.values() if actor in message}
        return not named or self._actors.get(trial_id) in {None, *named}

    @guarded()
    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Take the reports of one step of a lane."""
        for fields in result.get("reports", ()):
            report = Report(**fields)
            reason = self.dispatcher.standing.pruned.get(report.key)
            if reason is not None:
                report = replace(report, status="pruned", reason=reason)
            self._history.add(report.key, report.step, report.time_s, report.values)
            if report.status != "running":
                self._told.add(report.key)
            if report.status in ENDS:
                self._history.end(self.dispatcher.folder.run(report.key))
            self.dispatcher.note(report)
            if report.status == "failed" and report.key not in self.dispatcher.standing.failed:
                report = replace(report, status="stopped", reason=f"{report.reason}; it goes out again alone")
            self._display.report(report)

    @guarded()
    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Say which run the worker of a lane has died with, once the books know what becomes of it."""
        self.tell_loss(trial.config["lane"])

    def tell_loss(self, keys: Sequence[str]) -> None:
        """Say which run of a lane its worker has died with: the first whose end nobody reported."""
        lost = next((key for key in keys if key not in self._told), None)
        if lost is not None:
            self._display.say(loss_text(self.dispatcher, lost))

    @guarded()
    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Write and draw what is due."""
        if self.dispatcher.is_stopped:
            self.num_running = sum(trial.status == Trial.RUNNING for trial in trials)
        self.dispatcher.record_some()
        self._history.write_if_due()
        self._store.copy_if_due()
        self._clock.write_if_due()
        self._display.refresh()

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray nothing to pickle: it stores its callbacks beside the experiment."""
        return {}


def display_for(console: Console, dispatcher: Dispatcher, num_lanes: int, launched_at: datetime) -> Display:
    """Return a table for a terminal, else lines."""
    return (LiveTable if console.is_terminal else PlainLines)(console, dispatcher, num_lanes, launched_at)


class LiveTable:
    """A table that is drawn over itself: how far the study is, the best so far, and the runs that are out."""

    def __init__(self, console: Console, dispatcher: Dispatcher, num_lanes: int, launched_at: datetime) -> None:
        self._console = console
        self._dispatcher = dispatcher
        self._num_lanes = num_lanes
        self._launched_at = launched_at
        self._last_frame = time.monotonic()
        self._live = Live(console=console, auto_refresh=False, get_renderable=self._draw)
        self._live.start(refresh=True)

    def report(self, report: Report) -> None:
        """Do nothing: the next frame shows it."""

    def refresh(self) -> None:
        """Draw the next frame if it is time."""
        if time.monotonic() - self._last_frame >= FRAME_S:
            self._last_frame = time.monotonic()
            self._live.refresh()

    def say(self, text: str) -> None:
        """Print above the table."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Draw the last frame and leave it standing."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        dispatcher, standing = self._dispatcher, self._dispatcher.standing
        done = standing.ended
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            Text(dispatcher.spec.name, style="bold"),
            ProgressBar(max(1, standing.total), done, width=32),
            Text(f"{done}/{standing.total} runs"),
            Text(f"{_since(self._launched_at)}, {time_left(dispatcher, self._num_lanes)}", style="dim"),
        )
        # A full line would make the terminal's echo of Ctrl-C begin another one, and the next frame miss its place.
        table = Group(
            bar, counts(standing), *_best(dispatcher), _running(dispatcher, is_narrow=self._console.width < NARROW)
        )
        return Constrain(table, self._console.width - 4)


class PlainLines:
    """One line for each run that ends, and a sign of life in between."""

    def __init__(self, console: Console, dispatcher: Dispatcher, num_lanes: int, launched_at: datetime) -> None:
        self._console = console
        self._dispatcher = dispatcher
        self._num_lanes = num_lanes
        self._launched_at = launched_at
        self._last_line = time.monotonic()
        self._first = True

    def report(self, report: Report) -> None:
        """Print the first report, and how runs end."""
        run, standing = self._dispatcher.runs[report.key], self._dispatcher.standing
        if report.status == "running":
            if self._first:
                self._print(f"first report after {_since(self._launched_at)}: {_line(run, report)}")
            self._first = False
            return
        if report.status == "stopped":
            self._print(f"{name_of(run)} stopped at step {report.step}{': ' if report.reason else ''}{report.reason}")
            return
        done = standing.ended
        word = "ended early" if report.status == "pruned" else report.status
        outcome = f"{word}: {report.reason}" if report.reason else f"finished in {duration(report.time_s)}"
        left = time_left(self._dispatcher, self._num_lanes)
        self._print(f"[{done}/{standing.total}] {name_of(run)} {outcome}; {counts(standing)}; {left}")

    def refresh(self) -> None:
        """Print how the runs stand if nothing was printed for a while."""
        reports = self._dispatcher.standing.reports.values()
        if reports and time.monotonic() - self._last_line >= HEARTBEAT_S:
            self._print("; ".join(_line(self._dispatcher.runs[report.key], report) for report in reports))

    def say(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def close(self) -> None:
        """Print the best configuration."""
        for text in _best(self._dispatcher):
            self._print(text.plain)

    def _print(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)
        self._console.file.flush()


def _since(begin: datetime) -> str:
    return duration((datetime.now(UTC) - begin).total_seconds())


def counts(standing: Standing) -> Text:
    """Return how many runs are finished, out, and failed."""
    pruned = f"{len(standing.pruned)} ended early, " if standing.pruned else ""
    text = Text(f"{standing.finished} finished, {pruned}{len(standing.reports)} running, ")
    return text.append(f"{len(standing.failed)} failed", style="bold red" if standing.failed else "")


def time_left(dispatcher: Dispatcher, num_lanes: int) -> str:
    """Return how long the rest will take, from the runs measured in this launch and so far as they are known."""
    standing = dispatcher.standing
    progress = [
        (report.step / dispatcher.runs[report.key].config.train.steps, report.time_s)
        for report in standing.reports.values()
    ]
    seconds = time_left_s(standing.left, progress, standing.wall_times_s, num_lanes)
    return "time left unknown" if seconds is None else f"about {duration(seconds)} left"


def _best(dispatcher: Dispatcher) -> list[Text]:
    best = dispatcher.standing.best
    if best is None:
        return []
    label, value = best
    return [Text(f"best {dispatcher.spec.objectives[0].measure} so far: {value:.3f} at {label}")]


def _running(dispatcher: Dispatcher, *, is_narrow: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    reports = list(dispatcher.standing.reports.values())
    for report in reports[:NUM_ROWS]:
        run = dispatcher.runs[report.key]
        stage = _stage(run, report)
        table.add_row(
            Text(name_of(run), style="cyan", no_wrap=True),
            *([] if is_narrow else [ProgressBar(run.config.train.steps, report.step, width=16)]),
            Text(stage.removeprefix("step ") if is_narrow else stage, no_wrap=True),
            Text(_short_losses(report), style="dim", no_wrap=True, overflow="ellipsis"),
        )
    if len(reports) > NUM_ROWS:
        table.add_row(Text(f"and {len(reports) - NUM_ROWS} more", style="dim"))
    return table


def _line(run: PlannedRun, report: Report) -> str:
    return f"{name_of(run)}: {_stage(run, report)}  {_losses(report)}".rstrip()


def _stage(run: PlannedRun, report: Report) -> str:
    steps = run.config.train.steps
    return "measuring" if report.step == steps else f"step {report.step}/{steps}" if report.step else "starting"


def _losses(report: Report) -> str:
    return "  ".join(f"{player} {value:.3g}" for player, value in _loss_of_players(report).items())


def _short_losses(report: Report) -> str:
    """Return the losses in columns of a fixed width, such as "autoenc 1.42  reg D 1.39  rec D 1.36"."""
    losses = _loss_of_players(report)
    return "  ".join(f"{short_player(player)} {_short_number(value):<4}" for player, value in losses.items()).rstrip()


def short_player(player: str) -> str:
    """Return a player's name in a few letters: one word is cut, the last one of several becomes its initial."""
    *first, last = player.split("_")
    return " ".join([*(word[:3] for word in first), last[:1].upper()]) if first else last[:7]


def _short_number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.3g}"


def _loss_of_players(report: Report) -> dict[str, float]:
    """Return the loss of each player, the sum of its terms; the last player, who moves after the others, first."""
    losses: dict[str, float] = {}
    for name, value in report.values.items():
        kind, _, term = name.partition("/")
        if kind == "loss":
            player = term.partition("/")[0]
            losses[player] = losses.get(player, 0.0) + value
    return dict(reversed(losses.items()))
