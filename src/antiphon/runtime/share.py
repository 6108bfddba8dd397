"""How the places of a step are shared among streams: who wants little gets it, the others get equal parts of the rest.

    wanted   1  1  400  30        16 places
    given    1  1    7   7        a stream that speaks wants one, a prompt wants what is unread of it
"""

from collections.abc import Sequence


def share(wanted: Sequence[int], places: int) -> list[int]:
    """Places for each stream: never more than it wants, all of them if there is enough to do, and at least one for
    everybody who wants one if there are as many places as streams. Odd ones go to the streams that came first.
    """
    given = [0] * len(wanted)
    hungry, left = [i for i, want in enumerate(wanted) if want > 0], places
    while left > 0 and hungry:
        part = left // len(hungry)
        for i in hungry if part else hungry[:left]:
            given[i] += min(wanted[i] - given[i], max(part, 1))
        left = places - sum(given)
        hungry = [i for i in hungry if given[i] < wanted[i]]
    return given
