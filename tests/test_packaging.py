"""What is installed is what was locked, and the image holds the service and nothing else."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from sqlalchemy import NullPool, create_engine, text

from tests.postgres import PrivateServer
from tests.serving import free_port

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: Final[Mapping[str, list[str]]] = PROJECT["project"]["optional-dependencies"]
BASE: Final[list[str]] = PROJECT["project"]["dependencies"]
BUILD: Final[list[str]] = PROJECT["dependency-groups"]["build"]

LOCKS: Final[Mapping[str, list[str]]] = {
    "client": BASE,
    "server": BASE + EXTRAS["server"] + EXTRAS["postgres"],
    "dev": BASE + BUILD + [wanted for extra in EXTRAS.values() for wanted in extra],
    "build": BUILD,
}
# How a machine reaches its packages is its own affair; all else of the environment stays outside.
PASSED_ON: Final = re.compile(r"PIP_.*|SSL_CERT_.*|.*_CA_BUNDLE|(https?|no)_proxy", re.IGNORECASE)
UNREACHABLE: Final = re.compile(
    r"ConnectionError|Connection refused|Max retries|name resolution|ConnectTimeout"
)


def locked(name: str) -> list[str]:
    """Give the entries of a lock file, each on one line with its hashes."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return lines.replace("\\\n", " ").splitlines()


def pins(name: str) -> dict[str, set[Version]]:
    """Give what a lock file pins; a package may have one version per platform."""
    found: dict[str, set[Version]] = {}
    for entry in locked(name):
        wanted = Requirement(entry.split(" --hash=")[0])
        (only,) = wanted.specifier
        found.setdefault(wanted.name, set()).add(Version(only.version))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_by_hash_and_names_no_place(name: str) -> None:
    for entry in locked(name):
        assert re.fullmatch(r"[a-z0-9._\[\],-]+==[^\s;]+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+", entry)
        assert "://" not in entry
        assert " @ " not in entry


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    pinned = pins(name)
    for wanted in map(Requirement, LOCKS[name]):
        assert all(wanted.specifier.contains(version) for version in pinned[wanted.name.lower()]), wanted


@pytest.mark.parametrize("name", ["client", "server", "build"])
def test_what_is_installed_is_what_was_tested(name: str) -> None:
    tested = pins("dev")
    assert all(tested[package] == versions for package, versions in pins(name).items())


def test_the_locked_builder_is_the_one_that_the_project_names() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(BUILD)


def test_the_member_s_client_needs_no_server() -> None:
    assert not {"fastapi", "sqlalchemy", "cryptography", "alembic"} & set(pins("client"))


def test_a_private_postgresql_starts_answers_and_leaves_nothing() -> None:
    with PrivateServer() as server:
        folder = Path(server.socket_folder)
        server.create_database("first")
        first = create_engine(server.owner_url("first"), poolclass=NullPool)
        with first.begin() as connection:
            connection.execute(text("CREATE TABLE kept (name text)"))
        server.create_database("second", template="first")
        second = create_engine(server.owner_url("second"), poolclass=NullPool)
        with second.begin() as connection:
            assert connection.scalar(text("SELECT count(*) FROM kept")) == 0
            assert connection.scalar(text("SHOW listen_addresses")) == ""
            assert connection.scalar(text("SHOW server_encoding")) == "UTF8"
        server.drop_database("second")
        assert folder.exists()
    assert not folder.exists()


def stages() -> tuple[list[str], list[str]]:
    """Give the lines of the image's two stages: where it is built, and what is left."""
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    _, builder, final = re.split(r"^FROM .*$", recipe, flags=re.MULTILINE)
    return builder.strip().splitlines(), final.strip().splitlines()


def words(lines: list[str], instruction: str) -> list[list[str]]:
    return [line.split()[1:] for line in lines if line.startswith(f"{instruction} ")]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path, Path], None]) -> Path:
    """Have one worker make what the others of this run wait for, from a source that is gone then."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    folder.mkdir(exist_ok=True)
    source, target, made = folder / "source", folder / "sigillo", folder / "made"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for left in (source, target):
                shutil.rmtree(left, ignore_errors=True)  # of a worker that could not finish
            source.mkdir()
            make(source, target)
            shutil.rmtree(source)  # from here on, only what was installed is there
            made.touch()
    return target


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "installed", install)


def install(source: Path, target: Path) -> None:
    """Do what the image's builder does, in an empty folder: copy what it copies, run what it runs."""
    builder, _ = stages()
    for name in [name for *names, _ in words(builder, "COPY") for name in names]:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    (command,) = words(builder, "RUN")
    done = subprocess.run(
        [*command[:-1], str(target)],
        cwd=source,
        env=installing(source) | {"PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "CI" not in os.environ and UNREACHABLE.search(done.stderr):
        pytest.skip("packages cannot be reached from here, so the image's installation was not tried")
    assert done.returncode == 0, done.stderr


def clean_environment(home: Path) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    return passed | {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8"}


def installing(home: Path) -> dict[str, str]:
    """Leave bytecode to whoever runs what was installed: to compile it all took a third of the time."""
    return clean_environment(home) | {"PIP_COMPILE": "0"}


def run(
    installed: Path, program: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run an installed program away from the source, so that only the installed package can answer."""
    return subprocess.run(
        [installed / "bin" / program, *arguments],
        cwd=installed,
        env=clean_environment(installed) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_command_explains_itself(installed: Path) -> None:
    answer = run(installed, "sigillo", "--help")
    assert answer.returncode == 0, answer.stderr
    assert {"serve", "migrate"} <= set(answer.stdout.split())


def test_the_installed_service_loads_from_the_installed_package(installed: Path) -> None:
    answer = run(installed, "python", "-c", "import app.main; print(app.main.__file__)")
    assert answer.returncode == 0, answer.stderr
    assert Path(answer.stdout.strip()).is_relative_to(installed)


def test_the_installed_package_brings_its_migrations(installed: Path) -> None:
    (packages,) = installed.glob("lib/python3*/site-packages")
    expected = {path.relative_to(ROOT) for path in (ROOT / "migrations").rglob("*.py")}
    assert expected
    assert expected == {
        path.relative_to(packages / "app") for path in packages.glob("app/migrations/**/*.py")
    }


def test_the_installed_service_makes_its_database(installed: Path) -> None:
    answer = run(installed, "sigillo", "migrate")
    assert answer.returncode == 0, answer.stderr
    assert (installed / "data" / "sigillo.db").exists()


@pytest.mark.parametrize("tool", ["pip", "setuptools", "hatchling", "pytest", "ruff", "mypy", "hypothesis"])
def test_the_installed_environment_holds_no_tool_of_development(installed: Path, tool: str) -> None:
    assert run(installed, "python", "-c", f"import {tool}").returncode == 1
    assert not (installed / "bin" / tool).exists()


@pytest.fixture(scope="module")
def member_s_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "member", install_for_a_member)


def install_for_a_member(source: Path, target: Path) -> None:
    """Do what `pip install sigillo` does, with what is locked for members, and nothing else."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for name in ("app", "migrations", "requirements"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    hashed = [*pip, "--require-hashes", "-r"]
    for step in (
        [sys.executable, "-m", "venv", str(target)],
        [*hashed, "requirements/build.txt"],
        [*pip, "--no-deps", "--no-build-isolation", "."],
        [*pip[:3], "uninstall", "--quiet", "--yes", "-r", "requirements/build.txt"],
        [*hashed, "requirements/client.txt"],
    ):
        done = subprocess.run(
            step,
            cwd=source,
            env=installing(source),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and "CI" not in os.environ and UNREACHABLE.search(done.stderr):
            pytest.skip("packages cannot be reached from here, so the member's installation was not tried")
        assert done.returncode == 0, done.stderr


def test_a_member_s_machine_has_the_commands_and_nothing_of_the_server(member_s_machine: Path) -> None:
    assert run(member_s_machine, "sigillo", "--help").returncode == 0
    for command in (
        *("login", "logout", "status", "check", "renew", "send", "download", "europass", "verify"),
        *(
            "dossier submit",
            "cpd add",
            "cpd import",
            "cpd list",
            "cpd prove",
            "cpd claim",
            "cpd change",
            "cpd discard",
        ),
    ):
        answer = run(member_s_machine, "sigillo", *command.split(), "--help")
        assert answer.returncode == 0, answer.stderr
        assert "--json" in answer.stdout
    closed = {"SIGILLO_URL": f"http://localhost:{free_port()}", "SIGILLO_KEY": "key_1", "SIGILLO_LANG": "it"}
    answer = run(member_s_machine, "sigillo", "status", **closed)
    assert answer.returncode == 5, answer.stderr
    assert "Niente è andato perso" in " ".join(answer.stderr.split())
    for package in ("fastapi", "sqlalchemy", "cryptography"):
        assert run(member_s_machine, "python", "-c", f"import {package}").returncode == 1
    answer = run(member_s_machine, "sigillo", "serve")
    assert (answer.returncode, "sigillo[server]" in answer.stderr) == (2, True)


def test_the_image_runs_as_nobody_in_particular_and_reports_its_health() -> None:
    _, final = stages()
    assert words(final, "USER") == [["sigillo"]]
    assert any("--uid" in command for command in words(final, "RUN"))
    (health,) = (line for line in final if line.startswith("HEALTHCHECK "))
    assert "/healthz" in health
    assert final[-1].startswith("CMD ")
    assert "sigillo migrate && exec sigillo serve" in final[-1]
    assert not [line for line in final if re.search(r"\bpip\b|\bapt", line)]
