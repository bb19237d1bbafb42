"""``long``: whether a worker uses more memory after much work than after some."""

from models.enums import EntityType
from tests.bench.figures import Figures, Row
from tests.bench.setup import Part, bench_system, notifications

ROUNDS, IN_A_ROUND, NEW_IN_A_ROUND = 25, 2000, 40
WARM_ROUNDS = 3
"""More than 5,000 jobs."""
MAX_GROWTH = 0.05
MIB = 1024 * 1024


def long() -> Row:
    """Run rounds of jobs, mostly for records that are already in sync, as in production."""
    with bench_system() as running_system:
        firm = running_system.firm()
        written = running_system.write(
            firm, [running_system.project(firm)] * (IN_A_ROUND + ROUNDS * NEW_IN_A_ROUND)
        )
        known, warm = IN_A_ROUND, {}
        for number in range(1, ROUNDS + 1):
            chosen = written[known - IN_A_ROUND + NEW_IN_A_ROUND : known + NEW_IN_A_ROUND]
            known += NEW_IN_A_ROUND
            if number <= WARM_ROUNDS:
                running_system.notify(notifications(firm.webhook_url, chosen))
            else:
                running_system.receive(firm.connection.id, EntityType.INVOICE, [each["id"] for each in chosen])
            running_system.wait()
            if number == WARM_ROUNDS:
                warm = running_system.parts()
        after = running_system.parts()
    figures = _figures(warm, after)
    worst = max(figures[f"{name}_growth"] for name in warm)
    return Row(
        goal=f"memory of each process grows <= {MAX_GROWTH:.0%} after the first {WARM_ROUNDS * IN_A_ROUND}",
        reached=worst <= MAX_GROWTH,
        figures={"changes": ROUNDS * IN_A_ROUND, "worst_growth": worst, **figures},
    )


def _figures(warm: dict[str, Part], after: dict[str, Part]) -> Figures:
    """Compare the memory of the processes that exist both times: sessions of PostgreSQL come and go."""
    figures: Figures = {}
    for name, part in warm.items():
        both = part.memory.keys() & after[name].memory.keys()
        before, now = (sum(each[pid] for pid in both) for each in (part.memory, after[name].memory))
        figures |= {f"{name}_growth": now / before - 1, f"{name}_mib": f"{before / MIB:.0f} {now / MIB:.0f}"}
    return figures
