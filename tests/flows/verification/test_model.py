"""Analysis templates are read as Argo Rollouts reads them."""

import pytest
from pydantic import ValidationError

from flows.verification.model import AnalysisTemplateSpec, Metric
from flows.verification.unsupported import unsupported

PROMETHEUS = {"prometheus": {"address": "http://prometheus:9090", "query": "up"}}

EVERYTHING = {
    "args": [
        {"name": "service"},
        {"name": "url", "value": "http://x"},
        {"name": "token", "valueFrom": {"secretKeyRef": {"name": "metrics", "key": "token"}}},
        {"name": "app", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
    ],
    "dryRun": [{"metricName": "latency.*"}],
    "measurementRetention": [{"metricName": ".*", "limit": 20}],
    "metrics": [
        {
            "name": "latency",
            "interval": "{{args.interval}}",
            "initialDelay": "1m30s",
            "count": "{{ args.count }}",
            "successCondition": "result[0] < 0.5",
            "failureCondition": "result[0] >= 2",
            "failureLimit": "3",
            "inconclusiveLimit": 1,
            "consecutiveErrorLimit": 2,
            "consecutiveSuccessLimit": 1,
            "provider": {
                "prometheus": {
                    "address": "{{args.url}}",
                    "query": "x",
                    "rangeQuery": {"start": "now() - duration('1h')", "end": "now()", "step": "1m"},
                    "headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}],
                    "timeout": 10,
                    "insecure": True,
                    "authentication": {
                        "oauth2": {"tokenUrl": "http://t", "clientId": "a", "clientSecret": "b", "scopes": ["c"]}
                    },
                }
            },
        }
    ],
}


def test_every_field_is_read():
    """A template that uses every field Prometheus metrics have is accepted, numbers in text as numbers."""
    spec = AnalysisTemplateSpec.model_validate(EVERYTHING)
    assert unsupported(spec) == []
    assert (spec.metrics[0].failure_limit, spec.metrics[0].count) == (3, "{{ args.count }}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"provider": {"prometheus": {"query": "up"}}}, "address\n.*Field required", id="no-address"),
        pytest.param({"provider": {}}, "exactly one provider", id="no-provider"),
        pytest.param({"provider": PROMETHEUS | {"web": {"url": "http://x"}}}, "exactly one", id="two-providers"),
        pytest.param({"provider": {"oracle": {}}}, "'oracle' is not known; known are: ", id="unknown-provider"),
        pytest.param({"count": 2}, "'interval' is needed", id="count-without-interval"),
        pytest.param({"count": 2, "interval": "1s", "failureLimit": 3}, "less than 'failureLimit'", id="failure-limit"),
        pytest.param({"count": 1, "inconclusiveLimit": 2}, "less than 'inconclusiveLimit'", id="inconclusive-limit"),
        pytest.param(
            {"count": 3, "interval": "1s", "failureLimit": 2, "consecutiveSuccessLimit": 2},
            "together",
            id="both-limits",
        ),
        pytest.param(
            {"count": 2, "interval": "1s", "failureLimit": -1, "consecutiveSuccessLimit": 3}, "together", id="successes"
        ),
        pytest.param({"interval": "soon"}, "not a duration", id="interval"),
        pytest.param({"count": "many"}, "no whole number", id="count"),
        pytest.param({"inconclusiveLimit": -1}, "negative", id="negative"),
        pytest.param({"consecutiveErrorLimit": -1}, "negative", id="negative-errors"),
        pytest.param({"failureLimit": -1}, "nothing could fail", id="no-limit-at-all"),
        pytest.param({"nmae": "x"}, "Extra inputs", id="unknown-field"),
    ],
)
def test_impossible_metrics(change, said):
    """What Argo Rollouts would refuse when it starts is refused when the template is read."""
    with pytest.raises(ValidationError, match=said):
        Metric.model_validate({"name": "m", "provider": PROMETHEUS} | change)


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        pytest.param(
            {"args": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.replicas"}}}]},
            "args[0].valueFrom.fieldRef",
            "there is no Rollout",
            id="field-reference",
        ),
    ],
)
def test_what_is_not_available(spec, path, said):
    """A valid template that needs what Drayage does not have is refused by path and sentence, not misread."""
    [(found, sentence)] = unsupported(AnalysisTemplateSpec.model_validate(spec))
    assert found == path
    assert said in sentence
