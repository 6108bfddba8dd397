"""Verification: a folder of reference outputs is checked against this implementation, array by array.

    report = verify("folder", device="cpu", dtype="float32");  print(report.table());  report.passed

Two layouts are known: the language-model side and token2wav. Each stage starts from the *stored* output of the one
before, so that one fault shows as one failure. Sizes, ids, prompts and chunk plans come from the folder.
"""

from antiphon.verify.report import Report, Row
from antiphon.verify.run import verify

__all__ = ["Report", "Row", "verify"]
