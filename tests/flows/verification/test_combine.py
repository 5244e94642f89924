"""Several templates become one plan, or one sentence that says why not."""

import re
from datetime import timedelta

import pytest

from blocks.errors import Invalid
from flows.verification.combine import Arguments, combine, lifetime, plan, resolve, substitute
from flows.verification.field_path import read_field, with_more
from flows.verification.model import AnalysisTemplateSpec, Argument


def metric(name="m", **fields):
    return {"name": name, "provider": {"prometheus": {"address": "http://p", "query": "up"}}} | fields


def spec(*metrics, **fields):
    return AnalysisTemplateSpec.model_validate({"metrics": list(metrics)} | fields)


def no_secret(name, key):
    raise AssertionError("no Secret is referred to")


def no_field(path):
    raise AssertionError("no field is referred to")


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        pytest.param([spec(metric("a")), spec(metric("a"))], "two metrics are named 'a'", id="metric"),
        pytest.param(
            [
                spec(metric("a"), args=[{"name": "x", "value": "1"}]),
                spec(metric("b"), args=[{"name": "x", "value": "2"}]),
            ],
            "argument 'x' has both values '1' and '2'",
            id="argument",
        ),
        pytest.param(
            [
                spec(metric("a"), dryRun=[{"metricName": "a"}]),
                spec(metric("b"), dryRun=[{"metricName": "a"}]),
            ],
            "dryRun names 'a' twice",
            id="dry-run",
        ),
        pytest.param(
            [
                spec(metric("a"), measurementRetention=[{"metricName": "a", "limit": 1}]),
                spec(metric("b"), measurementRetention=[{"metricName": "a", "limit": 2}]),
            ],
            "measurementRetention names 'a' twice",
            id="retention",
        ),
        pytest.param([spec()], "there is no metric", id="nothing"),
    ],
)
def test_conflicts(templates, said):
    """Templates that contradict each other are not combined."""
    with pytest.raises(Invalid, match=said):
        combine(templates)


def test_all_conflicts_are_told_at_once():
    """Nobody has to repair one conflict to hear of the next."""
    with pytest.raises(Invalid, match="two metrics are named 'a'; two metrics are named 'b'"):
        combine([spec(metric("a"), metric("b")), spec(metric("b"), metric("a"))])


def test_arguments_of_several_templates():
    """The first declaration with a value speaks for its name, and equal values are no conflict."""
    secret = {"name": "t", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    combined = combine(
        [
            spec(metric("a"), args=[{"name": "x"}, {"name": "y", "value": "1"}, secret]),
            spec(metric("b"), args=[{"name": "x", "value": "2"}, {"name": "y", "value": "1"}, {"name": "t"}]),
        ]
    )
    assert {each.name: each.value for each in combined.args} == {"x": "2", "y": "1", "t": None}
    values = resolve(combined.args, {}, lambda name, key: f"{name}/{key}", no_field).values
    assert values == {"x": "2", "y": "1", "t": "s/k"}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        pytest.param({"x": "1"}, {"x": "1", "y": "default"}, id="default"),
        pytest.param({"x": "1", "y": "2"}, {"x": "1", "y": "2"}, id="stage-wins"),
        pytest.param({"x": "1", "z": "3"}, {"x": "1", "y": "default"}, id="undeclared-dropped"),
        pytest.param({"x": ""}, {"x": "", "y": "default"}, id="empty-is-a-value"),
    ],
)
def test_resolve(given, values):
    """Declared arguments get the Stage's value, else the template's."""
    declared = [Argument(name="x"), Argument(name="y", value="default")]
    assert resolve(declared, given, no_secret, no_field).values == values


def test_unresolved_arguments_are_named():
    """Arguments nobody gives a value are all named."""
    with pytest.raises(Invalid, match=r"no value for argument\(s\) a, c:"):
        resolve([Argument(name="a"), Argument(name="b", value="1"), Argument(name="c")], {}, no_secret, no_field)


def test_secrets_stay_out_of_sight():
    """A Secret's value is put in, remembered as one to hide, and not shown by repr."""
    declared = [Argument.model_validate({"name": "t", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})]
    arguments = resolve(declared, {}, lambda name, key: f"hush-{name}-{key}", no_field)
    assert (arguments.values, arguments.secrets) == ({"t": "hush-s-k"}, {"hush-s-k": "s"})
    assert "hush" not in repr(arguments)


STAGE = {"name": "prod", "namespace": "shop", "labels": {"app": "web", "acme.com/tier": "1"}, "annotations": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("metadata.name", "prod", id="name"),
        pytest.param("metadata.namespace", "shop", id="namespace"),
        pytest.param("metadata.labels['app']", "web", id="label"),
        pytest.param("metadata.labels['acme.com/tier']", "2", id="label-of-the-run-wins"),
        pytest.param('metadata.annotations["owner"]', "ann", id="annotation-of-the-run"),
    ],
)
def test_fields_of_the_stage(path, value):
    """An argument may come from the Stage's metadata, with what the Stage puts on every run."""
    declared = [Argument.model_validate({"name": "x", "valueFrom": {"fieldRef": {"fieldPath": path}}})]
    seen = with_more(STAGE, {"labels": {"acme.com/tier": "2"}, "annotations": {"owner": "ann"}})
    assert resolve(declared, {}, no_secret, lambda asked: read_field(asked, seen)).values == {"x": value}
    assert resolve(declared, {"x": "1"}, no_secret, no_field).values == {"x": "1"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("metadata.labels['none']", "the Stage has no metadata.labels['none']", id="no-such-label"),
        pytest.param("metadata.annotations['none']", "add it to the Stage", id="no-annotations"),
        pytest.param("spec.template.spec", "there is no Rollout to take", id="of-a-rollout"),
        pytest.param("metadata.labels", "there is no Rollout", id="all-labels"),
    ],
)
def test_fields_that_are_not_there(path, said):
    """What leads nowhere is told with what there is."""
    with pytest.raises(Invalid, match=re.escape(said)):
        read_field(path, STAGE)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        pytest.param("{{args.a}}", "1", id="tight"),
        pytest.param("{{ args.a }}-{{  args.b-c }}", "1-2", id="spaced"),
        pytest.param("sum(x{y='z'}) { }", "sum(x{y='z'}) { }", id="single-braces"),
        pytest.param({"k": ["{{args.a}}", 3, None, True]}, {"k": ["1", 3, None, True]}, id="nested"),
        pytest.param({"app-{{args.a}}": "x"}, {"app-1": "x"}, id="key"),
    ],
)
def test_substitute(text, filled):
    """Placeholders are replaced in every text, and only there."""
    assert substitute(text, {"a": "1", "b-c": "2"}) == filled


@pytest.mark.parametrize("text", ["{{args.other}}", "{{ a }}", "{{inputs.a}}"])
def test_unknown_placeholders(text):
    """A placeholder without a value is an error, never empty text."""
    with pytest.raises(Invalid, match="failed to resolve"):
        substitute(text, {"a": "1"})


def test_plan():
    """Arguments become numbers, and rules by pattern say which metrics do not count and how much is kept."""
    combined = spec(
        metric("error-rate", count="{{args.n}}", interval="{{args.every}}"),
        metric("latency"),
        dryRun=[{"metricName": "^lat"}],
        measurementRetention=[{"metricName": "rate", "limit": 3}],
    )
    planned = plan(combined, Arguments({"n": "5", "every": "2s"}))
    assert [(each.metric.name, each.dry_run, each.retain) for each in planned] == [
        ("error-rate", False, 3),
        ("latency", True, 10),
    ]
    assert (planned[0].metric.count, planned[0].metric.interval) == (5, "2s")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"dryRun": [{"metricName": "x"}]}, "no metric's name matches 'x'", id="no-match"),
        pytest.param({"dryRun": [{"metricName": "("}]}, "no regular expression", id="bad-pattern"),
        pytest.param({"measurementRetention": [{"metricName": "x", "limit": 1}]}, "no metric's name", id="retention"),
    ],
)
def test_rules_about_nothing(fields, said):
    """A rule about no metric is a typing error somebody wants to hear of."""
    with pytest.raises(Invalid, match=said):
        plan(spec(metric("a"), **fields), Arguments({}))


def test_a_bad_argument_is_not_repeated():
    """A number that an argument does not make one is refused without showing the argument."""
    with pytest.raises(Invalid, match=r"metric 'm' is not valid with its arguments: count") as error:
        plan(spec(metric(count="{{args.n}}", interval="1s")), Arguments({"n": "s3cret"}))
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("strategies", "success", "seconds"),
    [
        pytest.param([None], True, None, id="none"),
        pytest.param([{"secondsAfterCompletion": 60}], True, 60, id="completion"),
        pytest.param([{"secondsAfterCompletion": 60, "secondsAfterFailure": 90}], False, 90, id="failure"),
        pytest.param([{"secondsAfterCompletion": 60, "secondsAfterFailure": 90}], True, 60, id="other-end"),
        pytest.param([{"secondsAfterSuccess": 0}], True, 0, id="at-once"),
        pytest.param([{"secondsAfterSuccess": 5}], False, None, id="kept-after-failure"),
        pytest.param([{"secondsAfterSuccess": 5}, None, {"secondsAfterCompletion": 3}], True, 3, id="shortest"),
    ],
)
def test_lifetime(strategies, success, seconds):
    """Measurements are kept as long as the templates say, the shortest time of several."""
    specs = [AnalysisTemplateSpec.model_validate({"ttlStrategy": each} if each else {}) for each in strategies]
    kept = lifetime(specs, success)
    assert kept == (None if seconds is None else timedelta(seconds=seconds))
