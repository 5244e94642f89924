"""kustomize-build renders with the real program, and takes nothing from outside."""

import shutil

import pytest

from blocks.errors import Invalid, NotFound, Refused
from flows.promotion.steps.kustomize_build import Config, run
from tests.flows.promotion.workspace import step_context

programs = pytest.mark.skipif(
    not (shutil.which("kustomize") or shutil.which("kubectl")), reason="neither kustomize nor kubectl is installed"
)

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'app:reader'}\n"


def fill(root, **files):
    """Write files; `__` in a name is a slash."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def base(root):
    """A base with three objects, an overlay that takes it and a file beside it."""
    fill(
        root,
        base__kustomization="resources: [service.yaml, deployment.yaml, role.yaml]\n",
        base__service=SERVICE,
        base__deployment=DEPLOYMENT,
        base__role=ROLE,
        common__extra=SERVICE.replace("web", "extra"),
        prod__kustomization="namespace: Prod\nresources: [../base, ../common/extra.yaml]\n".replace("Prod", "prod"),
    )


async def build(root, path, out_path, **config):
    """Run the step."""
    return await run(Config.model_validate({"path": path, "outPath": out_path, **config}), step_context(root))


@programs
async def test_one_file(tmp_path):
    """A path with a YAML ending is one file, parents made; twice is once."""
    base(tmp_path)
    for _ in range(2):
        await build(tmp_path, "prod", "out/all.yaml")
        text = (tmp_path / "out/all.yaml").read_text()
        assert text.count("namespace: prod") == 3
        assert text.count("\n---\n") == 3


@programs
@pytest.mark.parametrize(
    ("layout", "names"),
    [
        (
            "kargo",
            [
                "clusterrole-app:reader.yaml",
                "prod-deployment-web.yaml",
                "prod-service-extra.yaml",
                "prod-service-web.yaml",
            ],
        ),
        (
            "kustomize",
            [
                "apps_v1_deployment_web.yaml",
                "rbac.authorization.k8s.io_v1_clusterrole_app:reader.yaml",
                "v1_service_extra.yaml",
                "v1_service_web.yaml",
            ],
        ),
    ],
)
async def test_one_file_for_each_object(tmp_path, layout, names):
    """A directory holds one file for each object, named in one of two ways."""
    base(tmp_path)
    await build(tmp_path, "prod", "out", outputFormat=layout)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


@programs
async def test_a_broken_kustomization(tmp_path):
    """What the program says is passed on, without the place of the working directory."""
    fill(tmp_path, kustomization="resources: [none.yaml]\n")
    with pytest.raises(Invalid, match=r"none\.yaml") as failure:
        await build(tmp_path, ".", "out.yaml")
    assert str(tmp_path) not in str(failure.value)


@programs
@pytest.mark.parametrize(
    "kustomization",
    [
        pytest.param("resources: [../../outside/service.yaml]\n", id="resource"),
        pytest.param("configMapGenerator: [{name: a, files: [k=../../outside/service.yaml]}]\n", id="generator"),
        pytest.param("configMapGenerator: [{name: a, files: [link]}]\n", id="link"),
        pytest.param("resources: [nested]\n", id="nested"),
        pytest.param("generators: [plugin.yaml]\n", id="plugin"),
        pytest.param("configMapGenerator: [{name: a, files: [/etc/hostname]}]\n", id="absolute"),
    ],
)
async def test_nothing_from_outside(tmp_path, kustomization):
    """A file outside the working directory is refused, however it is named."""
    fill(
        tmp_path,
        outside__service=SERVICE,
        work__app__kustomization=kustomization,
        work__app__nested__kustomization="resources: [../../../outside/service.yaml]\n",
        work__app__plugin=(
            "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nenvs: [../../outside/service.yaml]\n"
        ),
    )
    (tmp_path / "work/app/link").symlink_to("../../outside/service.yaml")
    with pytest.raises(Refused, match="outside the promotion"):
        await build(tmp_path / "work", "app", "out.yaml")
    assert not (tmp_path / "work/out.yaml").exists()


@programs
async def test_texts_that_only_look_like_paths(tmp_path):
    """Annotations and literals may hold any path."""
    fill(
        tmp_path,
        kustomization=(
            "resources: [service.yaml]\ncommonAnnotations: {home: /tmp}\n"
            "configMapGenerator: [{name: a, literals: [HOME=/tmp]}]\n"
        ),
        service=SERVICE,
    )
    await build(tmp_path, ".", "out.yaml")
    assert "HOME: /tmp" in (tmp_path / "out.yaml").read_text()


async def test_without_any_program(tmp_path, monkeypatch):
    """When nothing is installed, the sentence says what to install."""
    base(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="install one of them"):
        await build(tmp_path, "prod", "out.yaml")


@programs
async def test_charts_without_helm(tmp_path, monkeypatch):
    """Settings for Helm are refused where Helm is missing."""
    base(tmp_path)
    (tmp_path / "bin").mkdir()
    program = shutil.which("kustomize") or shutil.which("kubectl")
    (tmp_path / "bin" / program.rpartition("/")[2]).symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(Refused, match="helm is not installed"):
        await build(tmp_path, "prod", "out.yaml", plugin={"helm": {"kubeVersion": "1.32.0"}})


async def test_a_missing_directory(tmp_path):
    """A directory that is not there is told before anything is started."""
    with pytest.raises(NotFound, match="'none'"):
        await build(tmp_path, "none", "out.yaml")
