"""One thread, many kinds of work: each has its turn, what is urgent comes first, what fails does not take it along."""

import asyncio
import os
import threading
from collections.abc import Callable

import pytest

from antiphon.runtime.worker import Duty, Worker, beside


class Counted:
    """So many units of work, written down as they are done."""

    def __init__(self, name: str, units: int, log: list[str]) -> None:
        self.name, self.left, self.log = name, units, log
        self.broken: list[Exception] = []

    def work(self) -> bool:
        self.log.append(self.name)
        self.left -= 1
        return self.left > 0


def run_all(worker: Worker, *works: tuple[Counted, Callable[[], float] | None]) -> None:
    """Hand all of them over at one moment; until they are done."""
    gate, begun = threading.Event(), threading.Event()
    duties = [worker.join(one.work, one.broken.append, patience) for one, patience in works]

    def hold() -> bool:
        begun.set()
        return not gate.wait(10)

    worker.join(hold, works[0][0].broken.append).post(lambda: None)
    assert begun.wait(10)
    for duty in duties:
        duty.post(lambda: None)
    gate.set()
    while any(one.left > 0 for one, _ in works):
        threading.Event().wait(0.005)
    worker.close()


def test_equal_work_takes_turns() -> None:
    log: list[str] = []
    run_all(Worker("t"), (Counted("a", 3, log), None), (Counted("b", 3, log), None), (Counted("c", 1, log), None))
    assert "".join(log) == "abcabab"


def test_what_can_wait_waits() -> None:
    log: list[str] = []
    later = Counted("l", 3, log)
    run_all(Worker("t"), (later, lambda: float(later.left > 2)), (Counted("n", 3, log), None))
    assert "".join(log) == "nnnlll"  # what is urgent by itself comes first; then nobody is left to wait for
    log.clear()
    run_all(Worker("t"), (Counted("l", 2, log), lambda: max(1.0 - len(log), 0.0)), (Counted("n", 4, log), None))
    assert "".join(log) == "nlnlnn"  # it becomes urgent, and has its turn


def test_jobs_are_done_in_order_on_one_thread() -> None:
    async def ask() -> None:
        worker = Worker("t")
        names = await asyncio.gather(*[worker.run(threading.get_ident) for _ in range(3)])
        assert len(set(names)) == 1 and threading.get_ident() not in names
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0)
        worker.close()
        with pytest.raises(RuntimeError, match="has ended"):
            await worker.run(int)

    asyncio.run(ask())


def test_nobody_works_for_one_who_left() -> None:
    async def leave() -> None:
        worker, done = Worker("t"), list[int]()
        job = asyncio.ensure_future(worker.run(threading.Event().wait, 0.1))
        given_up = asyncio.ensure_future(worker.run(done.append, 1))
        await asyncio.sleep(0)
        given_up.cancel()
        await job
        await worker.run(int)
        assert not done
        worker.close()

    asyncio.run(leave())


@pytest.mark.parametrize("failure", [ValueError, SystemExit])
def test_a_thread_that_breaks_down_ends_what_is_under_way_and_goes_on(failure: type[BaseException]) -> None:
    def fail() -> bool:
        raise failure

    async def break_down() -> None:
        worker, told = Worker("t"), list[Exception]()
        duty: Duty = worker.join(fail, told.append)
        other = worker.join(lambda: False, told.append)
        job = asyncio.ensure_future(worker.run(threading.Event().wait, 0.05))
        waits = asyncio.ensure_future(worker.run(int))
        await asyncio.sleep(0)
        duty.post(lambda: None)
        assert await job is False
        with pytest.raises(RuntimeError, match=f"broke down .{failure.__name__}."):
            await waits
        assert await worker.run(lambda: 7) == 7
        assert len(told) == 2 and all(failure.__name__ in str(error) for error in told)
        duty.leave(), other.leave()
        worker.close()

    asyncio.run(break_down())


def test_a_job_that_takes_the_thread_down_is_told_to_who_waits_for_it() -> None:
    async def break_down() -> None:
        worker = Worker("t")

        def end() -> None:
            raise SystemExit

        with pytest.raises(RuntimeError, match="broke down"):
            await worker.run(end)
        assert await worker.run(lambda: 7) == 7
        worker.close()

    asyncio.run(break_down())


def test_who_waits_when_it_ends_is_told() -> None:
    async def end() -> None:
        worker = Worker("t")
        begun = threading.Event()

        def work() -> bool:
            begun.set()
            while not worker._is_closed:
                threading.Event().wait(0.005)
            return False

        job = asyncio.ensure_future(worker.run(work))
        waits = asyncio.ensure_future(worker.run(int))
        assert await asyncio.to_thread(begun.wait, 10)
        await asyncio.to_thread(worker.close)
        with pytest.raises(RuntimeError, match="has ended"):
            await waits
        assert await job is False

    asyncio.run(end())


@pytest.mark.parametrize(("cores", "is_alone"), [({0}, False), ({0, 1}, True), ({5, 6, 7}, True)])
def test_sound_has_a_thread_of_its_own_where_there_is_a_core_for_it(
    monkeypatch: pytest.MonkeyPatch, cores: set[int], is_alone: bool
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cores, raising=False)
    tokens = Worker("tokens")
    sound = beside(tokens)
    assert (sound is not tokens) is is_alone
    for worker in {tokens, sound}:
        worker.close()


def test_two_threads_work_at_once() -> None:
    """Each waits for the other: one after the other neither would end."""
    first, second = Worker("tokens"), Worker("sound")
    meeting = threading.Barrier(2)

    async def meet() -> None:
        await asyncio.gather(first.run(meeting.wait, 10), second.run(meeting.wait, 10))

    asyncio.run(meet())
    first.close()
    second.close()
