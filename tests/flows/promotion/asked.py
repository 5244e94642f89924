"""People as a step knows them: their answers, and what is written to the audit trail."""

from dataclasses import replace
from datetime import timedelta

from flows.promotion.result import Answer
from tests.flows.promotion.workspace import START


class Said:
    """Answers given one minute after the other; one may be an `Answer` of which nothing but the time is changed."""

    def __init__(self, *values, proves=False):
        self.given = [
            replace(each if isinstance(each, Answer) else Answer(each, START), at=START + timedelta(minutes=number))
            for number, each in enumerate(values, 1)
        ]
        self.proves = proves
        self.trail = []

    async def answers(self):
        """The answers to the step."""
        return self.given

    async def note(self, verb, actor, message, at, identity=None):
        """Remember a line of the trail."""
        self.trail.append((verb, actor, message, at))


def approve(name="", comment=""):
    """An approval as the form gives it."""
    return {"decision": "approve", "approver": name, "comment": comment}


def reject(name="", comment=""):
    """A rejection."""
    return {**approve(name, comment), "decision": "reject"}
