"""JARs are believed by their SHA-256 only: the real Ivy, on a repository of two small JARs in a folder."""

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.local.setup import jars, machine

PROJECT = Path(__file__).resolve().parents[4]
SETTINGS = """<ivysettings><settings defaultResolver="folder"/><resolvers><filesystem name="folder">
<artifact pattern="{repository}/[module]-[revision].[ext]"/></filesystem></resolvers></ivysettings>"""
MODULE = """<ivy-module version="2.0"><info organisation="t" module="t"/>
<configurations><conf name="spark"/><conf name="kafka"/></configurations><dependencies>
<dependency org="t" name="one" rev="1.0" conf="spark->default" transitive="false"/>
<dependency org="t" name="two" rev="2.0" conf="kafka->default" transitive="false"/>
</dependencies></ivy-module>"""


class Shop:
    """A repository, an Ivy on it, and two target folders, all below one folder."""

    def __init__(self, root: Path) -> None:
        self.repository, self.staging, self.listing = (
            root / "repository",
            root / "staging",
            root / "jars.sha256",
        )
        self.targets = {name: root / "target" / name for name in ("spark", "kafka")}
        self.repository.mkdir()
        for name in ("one-1.0.jar", "two-2.0.jar"):
            with zipfile.ZipFile(self.repository / name, "w") as archive:
                archive.writestr("what", name)
        (root / "settings.xml").write_text(SETTINGS.format(repository=self.repository))
        (root / "ivy.xml").write_text(MODULE)
        self.pin("spark/one-1.0.jar", "kafka/two-2.0.jar")
        shipped = next((Path(sys.prefix) / "lib").glob("python*/site-packages/pyspark/jars/ivy-*.jar"))
        self.ivy = jars.Ivy(
            java=machine.java()[0],
            jar=shipped,
            module=root / "ivy.xml",
            cache=root / "ivy" / "cache",
            log=root / "ivy.log",
            settings=root / "settings.xml",
        )
        self.runs = 0

    def pin(self, *paths: str) -> None:
        lines = [f"{jars.sha256(self.repository / path.split('/')[1])}  {path}\n" for path in paths]
        self.listing.write_text("".join(lines))

    def install(self) -> int:
        def run(command: list[str], log: Path) -> int:
            self.runs += 1
            with log.open("wb") as stream:
                return subprocess.run(command, stdout=stream, stderr=stream).returncode

        return jars.install(self.ivy, self.listing, self.targets, self.staging, run)

    def placed(self) -> list[str]:
        return sorted(f"{each.parent.name}/{each.name}" for each in self.targets["spark"].parent.rglob("*.jar"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_each_configuration_is_placed_once_and_the_second_time_nothing_starts(shop: Shop) -> None:
    assert shop.install() == 2
    assert shop.placed() == ["kafka/two-2.0.jar", "spark/one-1.0.jar"]
    assert (shop.install(), shop.runs) == (0, 1)
    assert not shop.staging.exists()


def test_a_damaged_download_is_refused_and_fetched_again(shop: Shop) -> None:
    shop.install()
    cached = next(shop.ivy.cache.rglob("one-1.0.jar"))
    cached.write_bytes(b"half of it")
    shutil.rmtree(shop.targets["spark"])
    assert shop.install() == 1
    assert shop.runs == 3
    assert (shop.targets["spark"] / "one-1.0.jar").read_bytes() == (shop.repository / "one-1.0.jar").read_bytes()
    assert cached.read_bytes() != b"half of it"


def test_what_stays_damaged_is_named_and_never_placed(shop: Shop) -> None:
    (shop.repository / "one-1.0.jar").write_bytes(b"something else")
    with pytest.raises(jars.Refused, match=r"^fetched twice and still not .* refused: spark/one-1\.0\.jar;"):
        shop.install()
    assert shop.runs == 2
    assert shop.placed() == []
    assert not list(shop.ivy.cache.rglob("one-1.0.jar")) or not shop.staging.exists()


def test_a_jar_that_is_not_listed_is_refused(shop: Shop) -> None:
    shop.pin("spark/one-1.0.jar", "kafka/one-1.0.jar")
    with pytest.raises(jars.Refused, match=r"fetched kafka/two-2\.0\.jar, which conf/jars\.sha256 does not list"):
        shop.install()
    assert shop.placed() == []


def test_what_cannot_be_fetched_is_one_line(shop: Shop) -> None:
    (shop.repository / "two-2.0.jar").unlink()
    with pytest.raises(jars.Refused, match="could not fetch the JARs .*two.*check the network") as error:
        shop.install()
    assert "\n" not in str(error.value)
    assert shop.placed() == []


def test_a_jar_damaged_in_place_is_mended(shop: Shop) -> None:
    shop.install()
    (shop.targets["kafka"] / "two-2.0.jar").write_bytes(b"")
    assert shop.install() == 1
    assert jars.unfit(shop.targets["kafka"], jars.pinned(shop.listing)["kafka"]) == []


def test_a_former_version_is_removed_and_a_neighbour_kept(shop: Shop) -> None:
    shop.install()
    (shop.targets["spark"] / "sparks-own.jar").write_bytes(b"own")
    shutil.copy(shop.repository / "one-1.0.jar", shop.repository / "one-1.1.jar")
    shop.pin("spark/one-1.1.jar", "kafka/two-2.0.jar")
    module = shop.ivy.module.with_name("ivy2.xml")
    module.write_text(MODULE.replace('rev="1.0"', 'rev="1.1"'))
    shop.ivy = replace(shop.ivy, module=module)
    assert shop.install() == 1
    assert shop.placed() == ["kafka/two-2.0.jar", "spark/one-1.1.jar", "spark/sparks-own.jar"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "abc  spark/one.jar",
        "0" * 64 + " spark/one.jar",
        "0" * 64 + "  spark/../one.jar",
        "0" * 64 + "  one.jar",
    ],
)
def test_a_malformed_listing_is_refused(tmp_path: Path, line: str) -> None:
    listing = tmp_path / "jars.sha256"
    listing.write_text(line + "\n")
    with pytest.raises(jars.Refused, match=r"jars\.sha256:1"):
        jars.pinned(listing)


def test_the_committed_listing_holds_every_jar_that_ivy_xml_names() -> None:
    listed = jars.pinned(PROJECT / "conf" / "jars.sha256")
    text = (PROJECT / "conf" / "ivy.xml").read_text()
    named = re.findall(r'<dependency org="\S+" name="(\S+)" rev="(\S+)" conf="(\w+)->', text)
    assert len(named) == 12
    assert [n for n in named if f"{n[0]}-{n[1]}.jar" not in listed[n[2]]] == []
