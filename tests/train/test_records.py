"""What is watched while a model learns is of every task, whatever the order of the file."""

from antiphon.train.records import of_every_task
from antiphon.train.tasks import make


def test_every_task_has_its_share() -> None:
    tasks = ["asr", "answer", "tts"] * 30 + ["asr"] * 200 + ["s2tt", "asr"] * 5
    records = [make(task, f"{task} {n}", "said", "written") for n, task in enumerate(tasks)]
    for count in (4, 8, 40):
        chosen = of_every_task(records, count)
        assert [record.task for record in chosen[:4]] == ["asr", "answer", "tts", "s2tt"]
        assert len(chosen) == min(count, 3 * -(-count // 4) + 5) and len({r.id for r in chosen}) == len(chosen)
    late = [int(r.id.split()[1]) for r in of_every_task(records, 40) if r.task == "asr"]
    assert min(late) < 30 and max(late) > 250, "a task is watched from all over the file"
    assert of_every_task([], 5) == []
