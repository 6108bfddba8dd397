"""A thread that does the model's work, so that an event loop never does.

    loop     post(order) ──┐                 the loop goes on at once
    thread                 orders · unit of work · orders · unit of work · ... · waits when there is nothing to do

Orders are short (join, leave); work is done in units, and between two of them every order that has come is carried out.
What happens to the callers' objects on the way is told to them by their loop's `call_soon_threadsafe`.
"""

import threading
from collections import deque
from collections.abc import Callable

Order = Callable[[], None]


class Worker:
    """One thread. `work` does one unit and says whether there may be more to do."""

    def __init__(self, name: str, work: Callable[[], bool]) -> None:
        self._work = work
        self._orders: deque[Order] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, order: Order) -> None:
        """Have an order carried out before the next unit of work; after `close` nothing is."""
        with self._changed:
            self._orders.append(order)
            self._changed.notify()

    def close(self) -> None:
        """End the thread behind the unit under way; waits for it."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        is_busy = False
        while True:
            with self._changed:
                while not (self._orders or is_busy or self._is_closed):
                    self._changed.wait()
                if self._is_closed:
                    return
                orders, self._orders = self._orders, deque()
            for order in orders:
                order()
            is_busy = self._work()
