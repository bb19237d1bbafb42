"""Charts, drawn as SVG on the server: how much came across and how much failed, and how long it took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, LEFT, RIGHT = 400, 44, 396
COUNTS = (14, 104)
"""Top and bottom of the bars."""
TIMES = (130, 184)
"""Top and bottom of the line below them."""
HEIGHT = 204


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of time: its ``name`` below the chart, what to say of it, and its numbers; times in seconds."""

    name: str
    tooltip: str
    good: int
    bad: int
    mean_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class ChartText:
    """What is written: what the chart is, what it says in a sentence, and the highest values of its two scales."""

    title: str
    description: str
    max_count: str
    max_seconds: str


def chart(bars: Sequence[Bar], words: ChartText, *, name: str) -> Markup:
    """Draw bars of what came across with what failed on top, and below them the mean time as a line.

    Above the line a dot marks the longest time of each span. ``name`` tells the chart from others on the page.
    """
    drawn = Markup("").join(
        [
            *_scale(words),
            *_names(bars),
            *_bars(bars),
            *_times(bars, top=max((bar.max_seconds for bar in bars), default=0)),
        ]
    )
    return Markup(
        '<svg role="img" viewBox="0 0 {} {}" aria-labelledby="{name}-title {name}-words">'
        '<title id="{name}-title">{}</title><desc id="{name}-words">{}</desc>{}</svg>'
    ).format(WIDTH, HEIGHT, words.title, words.description, drawn, name=name)


def _scale(words: ChartText) -> Iterator[Markup]:
    line = Markup('<line class="axis" x1="{}" x2="{}" y1="{y}" y2="{y}"/>')
    label = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>')
    for (top, bottom), most in ((COUNTS, words.max_count), (TIMES, words.max_seconds)):
        yield line.format(LEFT, RIGHT, y=top)
        yield line.format(LEFT, RIGHT, y=bottom)
        yield label.format(LEFT - 5, top + 4, most)
        yield label.format(LEFT - 5, bottom + 4, "0")


def _names(bars: Sequence[Bar]) -> Iterator[Markup]:
    for place, anchor in ((0, "start"), (len(bars) // 2, "middle"), (-1, "end")):
        x = {"start": LEFT, "middle": (LEFT + RIGHT) / 2, "end": RIGHT}[anchor]
        yield Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
            x, HEIGHT - 4, anchor, bars[place].name
        )


def _bars(bars: Sequence[Bar]) -> Iterator[Markup]:
    limit = max((bar.good + bar.bad for bar in bars), default=0) or 1
    (top, bottom), step = COUNTS, (RIGHT - LEFT) / len(bars)
    for place, bar in enumerate(bars):
        good, bad = (number / limit * (bottom - top) for number in (bar.good, bar.bad))
        x, width = LEFT + (place + 0.15) * step, step * 0.7
        rect = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
        yield Markup("<g><title>{}</title>").format(bar.tooltip)
        yield rect.format("good", x, bottom - good, width, good)
        yield rect.format("bad", x, bottom - good - bad, width, bad)
        yield Markup("</g>")


def _times(bars: Sequence[Bar], *, top: float) -> Iterator[Markup]:
    """Draw nothing where nothing came across: no time is not a short time."""
    if not top:
        return
    step, (ceiling, floor) = (RIGHT - LEFT) / len(bars), TIMES
    spots = [
        (LEFT + (n + 0.5) * step, bar.mean_seconds / top, bar.max_seconds / top)
        for n, bar in enumerate(bars)
        if bar.good
    ]
    points = " ".join(f"{x:.1f},{floor - mean * (floor - ceiling):.1f}" for x, mean, _ in spots)
    yield Markup('<polyline class="line" points="{}"/>').format(points)
    for x, _, longest in spots:
        y = floor - longest * (floor - ceiling)
        yield Markup('<circle class="longest" cx="{:.1f}" cy="{:.1f}" r="1.8"/>').format(x, y)
