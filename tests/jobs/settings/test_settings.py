import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest

from jobs.errors import OperatorError
from jobs.local import app_zip
from jobs.settings.loading import Settings, load

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "conf"
    shutil.copytree(CONF, copy)
    monkeypatch.setenv("LAKEHOUSE_CONF", str(copy))
    return copy


@pytest.mark.parametrize("env", ["local", "cluster"])
def test_the_committed_environments_load(env: str) -> None:
    assert load(env).env == env


def test_the_overlay_wins_over_base_and_the_variable_over_both(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (conf / "mine.toml").write_text("[als]\nrank = 11\nalpha = 3.0\n")
    monkeypatch.setenv("LAKEHOUSE_ALS__ALPHA", "5")
    settings = load("mine")
    assert (settings.als.rank, settings.als.alpha, settings.als.iterations) == (
        11,
        5.0,
        load("local").als.iterations,
    )


def test_the_models_parameters_have_one_default() -> None:
    """conf/base.toml says what a parameter means and what it is unless it is set; the model knows the same."""
    base = tomllib.loads((CONF / "base.toml").read_text())
    settings = load("local")
    names = [name for name in Settings.model_fields if is_dataclass(getattr(settings, name))]
    assert {"als", "personas"} <= {*names}
    for name in names:
        assert base[name] == asdict(type(settings.params_of(name))())


def test_relative_folders_count_from_the_project(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    settings = load("local")
    assert settings.lake.root == f"{conf.parent}/.local/lake"
    assert settings.mlflow.tracking_uri == f"sqlite:///{conf.parent}/.local/mlflow.db"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[als]\nrnak = 3\n", r"als\.rnak in conf/mine\.toml.*als\.rank"),
        ("[alss]\nrank = 3\n", r"alss\.rank in conf/mine\.toml.*als\.rank"),
        ("hme = 'x'\n", r"hme in conf/mine\.toml.*home"),
        ("[als]\nrank = 'many'\n", r"als\.rank.*integer.*'many'.*conf/mine\.toml"),
        ("[sources.crm]\nmdoe = 'full'\n", r"sources\.crm\.mdoe in conf/mine\.toml.*sources\.crm\.mode"),
        ("[sources]\ncatalog = 'a.csv'\n", r"sources\.catalog in conf/mine\.toml is a section, with .*location, table"),
        ("[als\n", r"conf/mine\.toml is not TOML"),
    ],
)
def test_a_mistake_in_a_file_is_named(conf: Path, text: str, message: str) -> None:
    (conf / "mine.toml").write_text(text)
    with pytest.raises(OperatorError, match=message):
        load("mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[redis]\nurl = ["redis://:geheim@redis"]\n', r"setting redis\.url: input should be a valid string; mend it"),
        ("[mlflow]\ntracking_uri = {uri = 'geheim'}\n", r"setting mlflow\.tracking_uri: .*; mend it"),
        ("[sources]\ncrm = ['jdbc:postgresql://u:geheim@h/b']\n", r"setting sources\.crm in .* is a section"),
        (
            "[sources.crm]\nlocation = ['jdbc:postgresql://u:geheim@h/b']\n",
            r"setting sources\.crm\.location: input should be a valid string; mend it",
        ),
        ("[alerts]\nwebhook = ['geheim']\n", r"setting alerts\.webhook: .*; mend it"),
        ("[schema_registry]\nurl = ['geheim']\n", r"setting schema_registry\.url: .*; mend it"),
        ("[sources.crm]\nmode = 'all'\n", r"setting sources\.crm\.mode: .*, seen 'all'; mend it"),
    ],
)
def test_a_value_that_may_be_secret_is_not_quoted(conf: Path, text: str, message: str) -> None:
    (conf / "mine.toml").write_text(text)
    with pytest.raises(OperatorError, match=message) as raised:
        load("mine")
    assert "geheim" not in str(raised.value)


def test_a_section_that_lacks_a_key_is_not_quoted(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a conf/ of an earlier release."""
    base = (conf / "base.toml").read_text()
    lacking = [line for line in base.splitlines() if not line.startswith("allow_eviction")]
    (conf / "base.toml").write_text("\n".join(lacking))
    monkeypatch.setenv("LAKEHOUSE_REDIS__URL", "redis://:geheim@redis")
    with pytest.raises(OperatorError, match=r"setting redis\.allow_eviction: field required; mend it") as raised:
        load()
    assert "geheim" not in str(raised.value)


def test_a_variable_that_should_be_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_PRIVACY__TOKEN_SECRETS", "geheim")
    with pytest.raises(OperatorError, match="a variable of section privacy .* holds no JSON") as raised:
        load()
    assert "geheim" not in str(raised.value)


def test_a_mistyped_variable_is_named_with_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ALS__RNAK", "3")
    with pytest.raises(OperatorError, match="LAKEHOUSE_ALS__RNAK in the environment.*LAKEHOUSE_ALS__RANK"):
        load("local")


def test_an_environment_that_is_not_there_is_named() -> None:
    with pytest.raises(OperatorError, match=r"no conf/prod\.toml"):
        load("prod")


def test_an_overlay_may_lie_anywhere_and_its_folders_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text('[sources.crm]\nlocation = "crm.csv"\n[sources.crm.columns]\n"a.b" = "email"\n')
    settings = load("shop.toml")
    assert (settings.home, settings.sources.crm.location) == (tmp_path / ".local", str(tmp_path / "crm.csv"))
    assert (settings.sources.crm.columns, settings.sources.catalog.location) == ({"a.b": "email"}, "")
    assert settings.project != tmp_path, "the JARs lie with the code"
    with pytest.raises(OperatorError, match=r"cannot read none\.toml: No such file.*lakehouse init"):
        load("none.toml")


def test_every_setting_of_base_has_a_meaning() -> None:
    lines = [line for line in (CONF / "base.toml").read_text().splitlines() if "=" in line and line[0] not in "#["]
    assert len(lines) > 30
    assert not [line for line in lines if "  # " not in line]


@pytest.mark.parametrize("is_in_project", [True, False])
def test_a_submitted_job_has_its_projects_folders_wherever_it_is_started(tmp_path: Path, is_in_project: bool) -> None:
    """As Airflow starts it: the code and conf/ in app.zip, the job's file in the project, in a folder of Airflow's."""
    project, elsewhere = tmp_path / "project", tmp_path / "airflow"
    job = project / "jobs" / "gold" / "job.py"
    for folder in (job.parent, project / "conf", elsewhere):
        folder.mkdir(parents=True)
    if is_in_project:
        (project / "conf" / "base.toml").touch()
    job.write_text("from jobs.settings.loading import load\nprint(load().lake.root)")
    zipped = app_zip.build(Path(__file__).parents[3], tmp_path / "app.zip")
    own = {name: value for name, value in os.environ.items() if not name.startswith("LAKEHOUSE_")}
    run = subprocess.run(
        [sys.executable, job], cwd=elsewhere, env={**own, "PYTHONPATH": str(zipped)}, capture_output=True, text=True
    )
    assert run.stdout == f"{project if is_in_project else elsewhere}/.local/lake\n", run.stderr
