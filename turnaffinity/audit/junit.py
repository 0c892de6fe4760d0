"""How does a CI server read the verdict on a trace? As JUnit XML, one test case a rule."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from turnaffinity.audit.report import AuditReport

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(report: AuditReport) -> str:
    """The report as JUnit XML: a failure for a broken MUST that was not expected, a skip for what was not seen."""
    broken = [rule for rule in report.rules if rule["status"] == "fail" and rule["id"] not in report.expected]
    suite = ElementTree.Element(
        "testsuite", name="turnaffinity audit", tests=str(len(report.rules)), failures=str(len(broken)),
        skipped=str(sum(rule["status"] == "unobservable" for rule in report.rules)), errors="0",
        time=f"{report.seconds:.3f}",
    )  # fmt: skip
    for rule in report.rules:
        case = ElementTree.SubElement(suite, "testcase", classname="trace", name=rule["id"], time="0")
        if rule["status"] == "unobservable":
            ElementTree.SubElement(case, "skipped", message=_clean("; ".join(rule["reasons"])))
        elif rule in broken:
            first = rule["failures"][0]
            message = f"{first['case']}: expected {first['expected']}; observed {first['observed']}"
            failure = ElementTree.SubElement(case, "failure", message=_clean(message))
            failure.text = _clean(
                "\n".join(f"{'>' if w['broken'] else ' '} {w['line']} {' '.join(w['argv'])}" for w in first["wire"])
            )
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _NO_XML.sub("?", text)
