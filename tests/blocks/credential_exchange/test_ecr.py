"""ECR: keys and roles against moto, which checks signatures and policies, and ends of tokens against a small server."""

import json
import os
from contextlib import contextmanager
from datetime import timedelta

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from blocks.credential_exchange.ambient import clouds
from blocks.credential_exchange.ecr import place
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site, Wanted
from blocks.errors import BadAnswer, DrayageError, Invalid, RateLimited, Unauthorized, Unavailable, Unreachable
from tests.blocks.credential_exchange.clock import Clock
from tests.servers.recording import recording

OURS, THEIRS = "123456789012", "210987654321"
TOKEN = "ecr:GetAuthorizationToken"
KEYS = {"awsRegion": "eu-west-1", "awsAccessKeyID": "AKIAIOSFODNN7EXAMPLE", "awsSecretAccessKey": "planted/secret+key"}


def image(account=OURS, host="amazonaws.com"):
    """An image of ECR that is to be opened."""
    return Wanted("shop", "image", f"{account}.dkr.ecr.eu-west-1.{host}/web", "acme-ecr")


class Aws:
    """AWS as moto plays it, and what an administrator does there."""

    def __init__(self, url):
        self.url = url

    def client(self, service, account=OURS):
        """A client of an administrator of an account."""
        client = boto3.Session(aws_access_key_id="admin", aws_secret_access_key="x", region_name="eu-west-1").client
        assumed = client("sts", endpoint_url=self.url).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/admin", RoleSessionName="admin"
        )["Credentials"]
        return boto3.Session(
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            region_name="eu-west-1",
        ).client(service, endpoint_url=self.url)

    def user(self, *actions):
        """Make a user that may do some things, and return its keys."""
        iam = self.client("iam")
        iam.create_user(UserName="worker")
        if actions:
            iam.put_user_policy(UserName="worker", PolicyName="p", PolicyDocument=_policy(actions))
        made = iam.create_access_key(UserName="worker")["AccessKey"]
        return {"awsAccessKeyID": made["AccessKeyId"], "awsSecretAccessKey": made["SecretAccessKey"]}

    def role(self, account, *actions):
        """Make the project's role in an account."""
        iam = self.client("iam", account)
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OURS}:user/worker"},
            "Action": "sts:AssumeRole",
        }
        name = "kargo-project-shop"
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        if actions:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_policy(actions))

    def enforce(self, on=True):
        """Have every request's signature and permission checked from now on."""
        httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0" if on else b"inf").raise_for_status()


def _policy(actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def moto():
    """One moto for all tests here."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto):
    """An AWS in which nothing is."""
    running = Aws(moto)
    yield running
    running.enforce(False)
    httpx.post(f"{moto}/moto-api/reset").raise_for_status()


@contextmanager
def worker_role(monkeypatch, aws, keys):
    """Let this machine be a pod with an identity, as EKS arranges it: credentials come from an address with a token."""

    def answer(asked):
        if asked.headers.get("authorization") != "pod-token":
            return 401, {}, {"code": "401", "message": "no"}
        made = {"AccessKeyId": keys["awsAccessKeyID"], "SecretAccessKey": keys["awsSecretAccessKey"]}
        return 200, {}, made | {"Token": None, "Expiration": "2099-01-01T00:00:00Z"}

    with recording(answer) as pod:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token")
        environment = dict(os.environ) | {"AWS_ENDPOINT_URL": aws.url}
        yield Exchanger(Site(environment, clouds("detect", environment)))
        assert pod.asked


def with_keys(url):
    """An exchanger whose AWS is at a URL."""
    return Exchanger(Site({"AWS_ENDPOINT_URL": url}))


async def test_keys_open_a_registry(aws):
    """AWS accepts the signature, and the policy of the user suffices."""
    keys = KEYS | aws.user(TOKEN)
    aws.enforce()
    opened = await with_keys(aws.url).open(image(), keys)
    assert (opened.name, opened.username, opened.password) == ("acme-ecr", "AWS", f"{OURS}-auth-token")


async def test_profiles_of_the_machine_do_not_mix_in(aws, monkeypatch, tmp_path):
    """Neither a profile that does not exist, nor files, nor variables change what given keys do."""
    keys = KEYS | aws.user(TOKEN)
    (tmp_path / "config").write_text("[default]\nregion = nowhere\nendpoint_url = http://127.0.0.1:1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    aws.enforce()
    assert (await with_keys(aws.url).open(image(), keys)).password == f"{OURS}-auth-token"


@pytest.mark.parametrize(
    ("actions", "changed"),
    [
        pytest.param([], {}, id="no-permission"),
        pytest.param([TOKEN], {"awsSecretAccessKey": "wrong"}, id="secret"),
        pytest.param([TOKEN], {"awsAccessKeyID": "AKIAWRONG"}, id="id"),
    ],
)
async def test_refused_keys(aws, actions, changed):
    """The sentence names the credentials and both keys, and holds no value."""
    keys = KEYS | aws.user(*actions) | changed
    aws.enforce()
    with pytest.raises(Unauthorized, match="ECR in eu-west-1") as refused:
        await with_keys(aws.url).open(image(), keys)
    assert "'acme-ecr'" in str(refused.value)
    assert "check awsAccessKeyID and awsSecretAccessKey" in str(refused.value)
    assert keys["awsSecretAccessKey"] not in str(refused.value)
    assert keys["awsAccessKeyID"] not in str(refused.value)


async def test_the_role_of_the_registrys_account_comes_first(aws, monkeypatch):
    """A project's role there is assumed before that in our own account."""
    keys = aws.user("sts:AssumeRole", TOKEN)
    aws.role(OURS, TOKEN)
    aws.role(THEIRS, TOKEN)
    with worker_role(monkeypatch, aws, keys) as exchanger:
        aws.enforce()
        opened = await exchanger.ambient(image(THEIRS))
    assert (opened.name, opened.username, opened.password) == ("ambient AWS role", "AWS", f"{THEIRS}-auth-token")


async def test_a_role_that_may_not_is_passed_over(aws, monkeypatch, caplog):
    """AWS denies the role of the registry's account the password, so ours is asked, and the log says which."""
    caplog.set_level("INFO", "drayage")
    keys = aws.user("sts:AssumeRole")
    aws.role(THEIRS)
    aws.role(OURS, TOKEN)
    with worker_role(monkeypatch, aws, keys) as exchanger:
        aws.enforce()
        assert (await exchanger.ambient(image(THEIRS))).password == f"{OURS}-auth-token"
    assert f"arn:aws:iam::{OURS}:role/kargo-project-shop" in caplog.text


async def test_without_roles_the_workers_own_is_used(aws, monkeypatch, caplog):
    """AWS does not let us assume any, and our own role may."""
    caplog.set_level("INFO", "drayage")
    keys = aws.user(TOKEN)
    with worker_role(monkeypatch, aws, keys) as exchanger:
        aws.enforce()
        assert (await exchanger.ambient(image(THEIRS))).password == f"{OURS}-auth-token"
    assert "as this machine's own role" in caplog.text


async def test_nobody_may(aws, monkeypatch):
    """The sentence says what a person has to allow."""
    keys = aws.user()
    with worker_role(monkeypatch, aws, keys) as exchanger:
        aws.enforce()
        with pytest.raises(Unauthorized, match="let the role of this machine call ecr:GetAuthorizationToken"):
            await exchanger.ambient(image())


async def test_only_a_denial_leads_to_the_next_role(aws, monkeypatch):
    """An STS that is out of order is no reason to be somebody else."""
    actions = []

    def answer(asked):
        action = asked.form["Action"]
        actions.append(action)
        if action == "AssumeRole":
            return 500, {}, b"<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>"
        body = f"<Arn>arn:aws:iam::{OURS}:user/worker</Arn><UserId>u</UserId><Account>{OURS}</Account>"
        return (
            200,
            {"content-type": "text/xml"},
            (
                f"<GetCallerIdentityResponse><GetCallerIdentityResult>{body}</GetCallerIdentityResult>"
                "</GetCallerIdentityResponse>"
            ).encode(),
        )

    keys = {"awsAccessKeyID": "AKIA", "awsSecretAccessKey": "x"}
    with (
        recording(answer) as sts,
        worker_role(monkeypatch, Aws(sts.url), keys) as exchanger,
        pytest.raises(Unavailable, match=r"ECR of account \d+ in eu-west-1 .* answered 500 InternalFailure"),
    ):
        await exchanger.ambient(image(THEIRS))
    assert set(actions) == {"GetCallerIdentity", "AssumeRole"}


@pytest.fixture
def clock():
    """The time at AWS."""
    return Clock()


@pytest.fixture
def small(clock):
    """A server that gives out passwords of twelve hours, and counts them."""

    def answer(asked):
        assert asked.headers["x-amz-target"].endswith(".GetAuthorizationToken")
        assert f"Credential={KEYS['awsAccessKeyID']}/" in asked.headers["authorization"]
        assert "/eu-west-1/ecr/aws4_request" in asked.headers["authorization"]
        number, ends = len(server.asked), (clock.now + timedelta(hours=12)).timestamp()
        token = f"QVdTOnB3{number}==" if number > 9 else {1: "QVdTOnB3MQ==", 2: "QVdTOnB3Mg=="}[number]
        return 200, {}, {"authorizationData": [{"authorizationToken": token, "expiresAt": ends}]}

    with recording(answer) as server:
        yield server


async def test_a_password_is_used_until_ten_minutes_before_its_end(small, clock):
    """One for all repositories of the account, then the next."""
    exchanger = Exchanger(Site({"AWS_ENDPOINT_URL": small.url}), clock)
    other = Wanted("desk", "helm", f"{OURS}.dkr.ecr.eu-west-1.amazonaws.com/chart", "acme-ecr")
    assert [(await exchanger.open(each, KEYS)).password for each in (image(), other)] == ["pw1", "pw1"]
    clock.forward(hours=11, minutes=49)
    assert (await exchanger.open(image(), KEYS)).password == "pw1"
    clock.forward(minutes=2)
    assert (await exchanger.open(image(), KEYS)).password == "pw2"
    assert len(small.asked) == 2


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        pytest.param((200, {"authorizationData": []}), BadAnswer, "without a password", id="nothing"),
        pytest.param((200, {}), BadAnswer, "without a password", id="empty"),
        pytest.param(
            (200, {"authorizationData": [{"authorizationToken": "!", "expiresAt": 1.0}]}),
            BadAnswer,
            "password",
            id="base64",
        ),
        pytest.param(
            (200, {"authorizationData": [{"authorizationToken": "QVdT", "expiresAt": 1.0}]}),
            BadAnswer,
            "password",
            id="no-colon",
        ),
        pytest.param((200, b"<html>"), DrayageError, "acme-ecr", id="page"),
        pytest.param((400, {"__type": "ThrottlingException"}), RateLimited, "too many", id="throttled"),
        pytest.param((400, {"__type": "RequestTimeTooSkewed"}), Unauthorized, "clock", id="skewed"),
        pytest.param(
            (400, {"__type": "InvalidSignatureException", "message": "Signature expired: 1 is now earlier"}),
            Unauthorized,
            "clock",
            id="skewed-signature",
        ),
        pytest.param((400, {"__type": "AccessDeniedException"}), Unauthorized, "check awsAccessKeyID", id="denied"),
        pytest.param(
            (400, {"__type": "UnrecognizedClientException"}), Unauthorized, "check awsAccessKeyID", id="unknown"
        ),
        pytest.param((400, {"__type": "Strange"}), DrayageError, "answered 400 Strange", id="strange"),
        pytest.param((503, b""), Unavailable, "answered 503", id="down"),
    ],
)
async def test_odd_answers_are_errors_of_ours(answer, error, said):
    """Whatever comes back, it is one sentence and no password."""
    with recording(lambda asked: (answer[0], {}, answer[1])) as server, pytest.raises(error, match=said):
        await with_keys(server.url).open(image(), KEYS)


async def test_aws_out_of_reach():
    """The region, which is part of the address, is what to look at."""
    with pytest.raises(Unreachable, match="check the AWS region"):
        await with_keys("http://127.0.0.1:1").open(image(), KEYS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"awsRegion": ""}, "awsRegion is missing", id="region-missing"),
        pytest.param({"awsRegion": "evil.example/#"}, "awsRegion is no region of AWS", id="region-wrong"),
        pytest.param({"awsSecretAccessKey": ""}, "awsSecretAccessKey is missing", id="secret-missing"),
    ],
)
async def test_what_is_missing_is_said(changed, said):
    """Before anything is asked."""
    with pytest.raises(Invalid, match=f"credentials 'acme-ecr' cannot be used: {said}"):
        await with_keys("http://127.0.0.1:1").open(image(), KEYS | changed)


async def test_keys_are_for_ecr_only():
    """Another registry is opened by none of them, whatever the pattern of the Secret says (as in Kargo)."""
    assert await with_keys("http://127.0.0.1:1").open(Wanted("shop", "image", "ghcr.io/acme/web", "k"), KEYS) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(f"{OURS}.dkr.ecr.us-east-1.amazonaws.com/a/b", (OURS, "us-east-1"), id="plain"),
        pytest.param(f"{OURS}.dkr.ecr.cn-north-1.amazonaws.com.cn/a", (OURS, "cn-north-1"), id="china"),
        pytest.param(f"{OURS}.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a", (OURS, "us-gov-west-1"), id="fips"),
        pytest.param(f"{OURS}.dkr.ecr.us-east-1.amazonaws.com.evil.example/a", None, id="lookalike"),
        pytest.param(f"x{OURS}.dkr.ecr.us-east-1.amazonaws.com/a", None, id="before"),
        pytest.param(f"{OURS}.dkr.ecr.a.evil/.amazonaws.com/a", None, id="path-in-region"),
        pytest.param("public.ecr.aws/a/b", None, id="public"),
        pytest.param("nginx", None, id="docker-hub"),
    ],
)
def test_which_urls_are_of_ecr(url, expected):
    """Account and region stand in the host."""
    assert place(url) == expected
