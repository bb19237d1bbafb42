from tests.installation import messages
from worker import tasks
from worker.container import Container
from worker.queues import QUEUE_OF


def run_queued_operations(container: Container) -> None:
    """Run the queued operations, as a worker does."""
    waiting = messages(container)
    container.redis.delete(QUEUE_OF["run_operation"])
    for task, number in waiting:
        if task == "run_operation":
            tasks.run_operation(number)
