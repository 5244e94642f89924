"""People as a step knows them: their answers, and what is written to the audit trail."""

from datetime import timedelta

from flows.promotion.result import Answer
from tests.flows.promotion.workspace import START


class Said:
    """Answers given one minute after the other."""

    def __init__(self, *values):
        self.given = [Answer(each, START + timedelta(minutes=number)) for number, each in enumerate(values, 1)]
        self.trail = []

    async def answers(self):
        """The answers to the step."""
        return self.given

    async def note(self, verb, actor, message, at):
        """Remember a line of the trail."""
        self.trail.append((verb, actor, message, at))


def approve(name="", comment=""):
    """An approval as the form gives it."""
    return {"decision": "approve", "approver": name, "comment": comment}


def reject(name="", comment=""):
    """A rejection."""
    return {**approve(name, comment), "decision": "reject"}
