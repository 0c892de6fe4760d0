"""How does a verdict look to a build server? JUnit XML: a suite for each rule, a test case for each case."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as Xml

from turnaffinity.audit.report import AuditReport
from turnaffinity.diagnosis.mistake import Mistake
from turnaffinity.diagnosis.mistakes import UNKNOWN, mistakes_of
from turnaffinity.diagnosis.telling import names_of
from turnaffinity.judging.verdict import CaseResult, Report
from turnaffinity.showing.finding import Finding, finding, recorded_finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.plain import plain
from turnaffinity.showing.wording import Words

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report, *, lang: str | None = None) -> str:
    """The report as JUnit XML. A SHOULD that fails, and a failure that was expected, is no failure there."""
    words = Words(lang)
    root = Xml.Element("testsuites", name="turnaffinity")
    if report.protocol:
        suite = Xml.SubElement(root, "testsuite", name="protocol")
        for check in report.protocol:
            _protocol_case(suite, check, words)
    failures = {(rule.id, f["case"]): f for rule in report.rules for f in rule.failures}
    names = names_of(report)
    levels = {rule.id: rule.level for rule in report.rules}
    place = {rule_id: number for number, rule_id in enumerate(levels)}
    listed = (result for result in report.results if result.rule in place)
    in_rule_order = sorted(listed, key=lambda result: place[result.rule])
    mistakes = {(case.rule, case.case): mistake for mistake in mistakes_of(report) for case in mistake.cases}
    for rule_id, results in groupby(in_rule_order, key=lambda result: result.rule):
        suite = Xml.SubElement(root, "testsuite", name=rule_id)
        for result in results:
            found = {"expected": result.expected, "observed": result.observed, "wire": result.wire}
            shown = finding(found, names, layout=report.layout, words=words, scripts=report.scripts, most=None)
            told = _told(mistakes.get((rule_id, result.case)), words)
            _case(suite, result, levels[rule_id], failures.get((rule_id, result.case)), shown, told)
    for suite in root:
        _count(suite, list(suite))
    _count(root, [case for suite in root for case in suite])
    first = root[0] if len(root) else Xml.SubElement(root, "testsuite", name="turnaffinity", tests="0")
    properties = Xml.Element("properties")
    first.insert(0, properties)
    for name in ("verdict", "reading", "seed", "server", "kit", "contract"):
        Xml.SubElement(properties, "property", name=name, value=_safe(report.as_dict()[name]))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _told(mistake: Mistake | None, words: Words) -> list[str]:
    """The mistake that explains a failed case, and its mend, a line each; nothing where there is none."""
    if mistake is None or mistake.mend is UNKNOWN:
        return []
    lang = words.lang
    says = f"{words.label('perhaps')}{mistake.perhaps[lang]}" if mistake.perhaps else mistake.says[lang]
    return [says, f"{words.label('mend')}{mistake.mend[lang]}"]


def _message(expected: str, observed: str, words: Words) -> str:
    """What was expected and what was observed, in one line."""
    return words("expected {expected}; observed {observed}", expected=expected, observed=observed)


def _case(
    suite: Xml.Element, result: CaseResult, level: str, failure: dict[str, Any] | None, shown: Finding, told: list[str]
) -> None:
    case = Xml.SubElement(
        suite, "testcase", classname=result.rule, name=_safe(result.case), time=f"{result.seconds:.3f}"
    )
    if result.outcome == "fail":
        text = _safe("\n".join([*told, *shown.lines()]))
        if failure is not None and failure.get("expected_by"):
            Xml.SubElement(case, "skipped", message=_safe(f"expected failure: {failure['expected_by']}"))
            Xml.SubElement(case, "system-out").text = text
        elif level == "SHOULD":
            Xml.SubElement(case, "system-out").text = f"warning (SHOULD)\n{text}"
        else:
            message = _safe(_message(shown.expected, shown.observed, shown.words))
            Xml.SubElement(case, "failure", message=message, type=level).text = text
    elif result.outcome == "warn":
        Xml.SubElement(case, "system-out").text = _safe("\n".join(result.warnings))
    elif result.outcome != "pass":
        Xml.SubElement(case, "skipped", message=_safe(f"{result.outcome}: {result.reason}"))


def _protocol_case(suite: Xml.Element, check: dict[str, Any], words: Words) -> None:
    case = Xml.SubElement(suite, "testcase", classname="protocol", name=_safe(f"{check['id']} {check['title']}"))
    text = _safe(_message(words.told(check["expected"]), words.told(check["observed"]), words))
    if check["status"] == "fail":
        Xml.SubElement(case, "failure", message=text, type="protocol").text = text
    elif check["status"] != "pass":
        Xml.SubElement(case, "skipped", message=_safe(f"{check['status']}: {check['observed']}"))


def _count(element: Xml.Element, cases: list[Xml.Element]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    element.set("errors", "0")
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _safe(text: object) -> str:
    return NOT_XML.sub("\ufffd", plain(str(text)))


def audit_junit(report: AuditReport, *, lang: str | None = None) -> str:
    """The report as JUnit XML: a failure for a broken MUST that was not expected, a skip for what was not seen."""
    words = Words(lang)
    broken = [rule for rule in report.rules if rule["status"] == "fail" and rule["id"] not in report.expected]
    suite = Xml.Element(
        "testsuite", name="turnaffinity audit", tests=str(len(report.rules)), failures=str(len(broken)),
        skipped=str(sum(rule["status"] == "unobservable" for rule in report.rules)), errors="0",
        time=f"{report.seconds:.3f}",
    )  # fmt: skip
    for rule in report.rules:
        case = Xml.SubElement(suite, "testcase", classname="trace", name=rule["id"], time="0")
        if rule["status"] == "unobservable":
            Xml.SubElement(case, "skipped", message=_safe("; ".join(rule["reasons"])))
        elif rule in broken:
            first = rule["failures"][0]
            found = recorded_finding(first, Names(report.layout), layout=report.layout, words=words)
            message = f"{first['case']}: {_message(found.expected, found.observed, words)}"
            failure = Xml.SubElement(case, "failure", message=_safe(message))
            failure.text = _safe("\n".join(found.lines()))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + str(Xml.tostring(suite, encoding="unicode")) + "\n"
