"""What counts as input, and what the form wants."""

import pytest
from pydantic import ValidationError

from flows.promotion.result import Failed, Succeeded, Waiting
from flows.promotion.steps.get_user_input import Config, run
from tests.flows.promotion.asked import Said
from tests.flows.promotion.workspace import step_context

SCHEMA = {
    "type": "object",
    "required": ["version"],
    "properties": {"version": {"type": "string", "pattern": r"^v\d+$"}, "replicas": {"type": "integer"}},
}


async def step(said, **config):
    """Run the step over what people said."""
    given = Config.model_validate({"schema": SCHEMA} | config)
    return await run(given, step_context("/nowhere", people=said, alias="which"))


def answer(name="ann", **values):
    """What the form gives."""
    return {"values": values, "respondedBy": name}


async def test_outputs_and_trail():
    """The first answer that is one, with who gave it when."""
    said = Said(answer(version="1"), answer(version="v1", replicas=2), answer("bob", version="v2"))
    found = await step(said)
    assert found == Succeeded(
        {
            "values": {"version": "v1", "replicas": 2},
            "respondedBy": "ann (unauthenticated)",
            "respondedAt": "2025-01-01T00:02:00+00:00",
        }
    )
    [(verb, actor, message, _)] = said.trail
    assert (verb, actor) == ("Answered", "ann (unauthenticated)")
    assert message == "ann (unauthenticated) answered step 'which': replicas, version"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({}, "no answer to the form", id="empty"),
        pytest.param({"version": "v1"}, "no answer to the form", id="not-nested"),
        pytest.param({"values": {}}, "'version' is a required property", id="missing"),
        pytest.param(answer(version="1"), "version: does not match", id="pattern"),
        pytest.param(answer(version=1), "version: 1 is not of type 'string'", id="type"),
        pytest.param({"values": "v1"}, "is not of type 'object'", id="no-object"),
        pytest.param({**answer(version="v1"), "admin": True}, "no answer to the form", id="superfluous"),
    ],
)
async def test_what_is_no_input(given, problem):
    """The next form says what was wrong."""
    found = await step(Said(given))
    assert isinstance(found, Waiting)
    assert problem in found.form.description


async def test_responders():
    """Only a name of the list counts, and a list without names is refused."""
    asked = await step(Said(answer("eve", version="v1")), responders=[{"name": "ann"}])
    assert "not among those who may" in asked.form.description
    assert isinstance(await step(Said(answer("ANN", version="v1")), responders=[{"name": "ann"}]), Succeeded)
    refused = await step(Said(answer("sre", version="v1")), responders=[{"role": "sre"}])
    assert isinstance(refused, Failed)
    assert "role 'sre' ask for a proven identity" in refused.message


async def test_the_form():
    """Values are needed, so that an empty resume is none; patterns are matched only here."""
    form = (await step(Said())).form
    assert form.schema["required"] == ["values"]
    assert form.schema["properties"]["values"]["properties"]["version"] == {"type": "string"}


@pytest.mark.parametrize("schema", [{}, {"type": "array"}, {"type": "object", "$ref": "#"}, "text"])
def test_schemas_refused(schema):
    """Before anybody is asked."""
    with pytest.raises(ValidationError):
        Config.model_validate({"schema": schema})
