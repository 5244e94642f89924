"""hcl-update changes one scalar and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Invalid
from flows.promotion.hcl_text import quoted, scan, with_value
from flows.promotion.steps.hcl_update import Config, run
from tests.flows.promotion.workspace import step_context

MAIN = """\
# The shop's infrastructure.
terraform {
  required_version = ">= 1.5" // keep
  backend "s3" {}
}

locals {
  region = "eu-west-1"
  name   = "${var.prefix}-shop"
  tags   = { owner = "ana", "cost.center" : 12, /* why */ nested = { deep = [1, "two", -3.5e2] } }
  count  = length([for s in var.subnets : s if s != "}"])
  big    = 2 * (
    3 + 4
  )
  text   = <<-EOT
    image = "not this one" }
    EOT
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.1.0"   # pinned
}

resource "aws_security_group" "web" {
  ingress { port = 80 }
  ingress {
    port = 443
    cidr = ["10.0.0.0/8", var.office]
  }
  enabled = true
  policy  = jsonencode({ Statement = [{ Effect = "Allow" }] })
}
"""


def update(root, text, *updates):
    """The file's text after the step."""
    (root / "main.tf").write_bytes(text.encode())
    changes = [{"key": key, "value": value} for key, value in updates]
    result = run(Config.model_validate({"path": "main.tf", "updates": changes}), step_context(root))
    return (root / "main.tf").read_bytes().decode(), result


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        pytest.param(
            "module.vpc.version", "5.2.0", '"5.1.0"   # pinned', '"5.2.0"   # pinned', id="of a labelled block"
        ),
        pytest.param("locals.region", "us-east-1", '"eu-west-1"', '"us-east-1"', id="of a block"),
        pytest.param(
            "terraform.required_version", ">= 1.6", '">= 1.5" // keep', '">= 1.6" // keep', id="comment after"
        ),
        pytest.param("locals.tags.owner", "bob", 'owner = "ana"', 'owner = "bob"', id="of an object"),
        pytest.param(r"locals.tags.cost\.center", 13, '"cost.center" : 12', '"cost.center" : 13', id="dot in a key"),
        pytest.param("locals.tags.nested.deep.1", "2", '[1, "two",', '[1, "2",', id="of a list"),
        pytest.param("locals.tags.nested.deep.2", 7.0, "-3.5e2]", "7]", id="number"),
        pytest.param("resource.aws_security_group.web.enabled", False, "= true", "= false", id="boolean, two labels"),
        pytest.param("resource.aws_security_group.web.ingress.port", 81, "= 80 }", "= 81 }", id="first of several"),
        pytest.param("resource.aws_security_group.web.ingress.1.port", 444, "= 443", "= 444", id="second of several"),
        pytest.param("resource.aws_security_group.web.ingress.1.cidr.0", "::", '"10.0.0.0/8"', '"::"', id="in a block"),
        pytest.param(
            "module.vpc.source",
            'a"b\n${c} %{d}',
            '"terraform-aws-modules/vpc/aws"',
            r'"a\"b\n$${c} %%{d}"',
            id="text that looks like a template",
        ),
    ],
)
def test_places(tmp_path, key, value, before, after):
    """Only the scalar changes; the message says so."""
    assert MAIN.count(before) == 1
    text, result = update(tmp_path, MAIN, (key, value))
    assert text == MAIN.replace(before, after)
    assert result.outputs["commitMessage"].startswith(f"Updated main.tf\n\n- {key}: ")


def test_several(tmp_path):
    """All changes are made, in a file of variables with other line ends too."""
    text, result = update(tmp_path, 'tag = "1.0"\r\nsize=1\r\n', ("tag", "2.0"), ("size", 2))
    assert text == 'tag = "2.0"\r\nsize=2\r\n'
    assert result.outputs == {"commitMessage": 'Updated main.tf\n\n- tag: "2.0"\n- size: 2'}


@pytest.mark.parametrize(
    ("text", "key", "value", "said"),
    [
        pytest.param(MAIN, "locals.name", "x", "an expression, no scalar", id="template"),
        pytest.param(MAIN, "locals.count", 1, "an expression", id="call"),
        pytest.param(MAIN, "locals.big", 1, "an expression", id="sum"),
        pytest.param(MAIN, "locals.text", "x", "an expression", id="heredoc"),
        pytest.param(MAIN, "locals.tags", "x", "an object", id="object"),
        pytest.param(MAIN, "module.vpc", "x", "a block", id="block"),
        pytest.param(MAIN, "module.vpc.none", "x", "names nothing", id="missing"),
        pytest.param(MAIN, "locals.image", "x", "names nothing", id="in a heredoc"),
        pytest.param(MAIN, "locals.region", None, "neither text", id="null"),
        pytest.param("a = \n", "a", 1, "line 1, column 5", id="no value"),
        pytest.param("a {\n b = [1\n", "a", 1, "not valid HCL", id="not closed"),
        pytest.param('a = "x\n', "a", 1, "not valid HCL", id="text not closed"),
        pytest.param("a = " + "[" * 200 + "]" * 200, "a", 1, "deeper than 100", id="deep"),
        pytest.param("a = " + '"${' * 5_000, "a", 1, "not valid HCL", id="deep templates"),
        pytest.param("}", "a", 1, "line 1, column 1", id="closed twice"),
    ],
)
def test_refused(tmp_path, text, key, value, said):
    """What cannot be done is said, and the file stays."""
    with pytest.raises(Invalid, match=said):
        update(tmp_path, text, (key, value))
    assert (tmp_path / "main.tf").read_text() == text


NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,5}\Z")


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5), st.text())
def test_any_text_comes_back(attributes, new):
    """Whatever is written is one scalar again, whose place can be found."""
    text = "".join(f"{name} = {quoted(value)}\n" for name, value in attributes.items())
    name = next(iter(attributes))
    changed = with_value(text, [name], quoted(new))
    assert changed == "".join(
        f"{each} = {quoted(new if each == name else value)}\n" for each, value in attributes.items()
    )
    assert all(node.kind == "scalar" for node in scan(changed).children.values())


@given(st.text(st.sampled_from('ab=1"{}[]()\n ,#/*$%<\\:?-'), max_size=40))
def test_garbage(text):
    """Any text is either read or refused."""
    try:
        scan(text)
    except Invalid as error:
        assert "HCL" in str(error) or "deeper" in str(error)
