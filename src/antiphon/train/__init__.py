"""Training: one loop for every part of the model, in runs that survive whatever ends them.

oneDNN makes a kernel for each new shape of a bf16 product (5 to 8 ms on a CPU, against 0.6 ms for a shape it has met)
and forgets beyond a capacity that it reads once, before torch is loaded: so it is set here, before anything else.
"""

import os

os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "65536")
