"""Published processes 流程版本: checking, publishing, and each version compiled once a process."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from engine.clock import Clock
from engine.commands import Actor
from engine.definitions.checking import check_files
from engine.definitions.compile import compile_package, refuses, unzip_files, zip_files
from engine.definitions.model import Package
from engine.errors import Conflict, DefinitionRefused, Finding, NotFound
from engine.runtime import timed_starts
from engine.runtime.present import Present
from engine.store.database import Database
from engine.store.tables import cases, packages


class Published(Present):
    """The office with its processes. Thread-safe."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        super().__init__(database, clock)
        self._packages: dict[str, Package] = {}

    def check(self, files: Mapping[str, bytes]) -> list[Finding]:
        """What the compiler says about a package's files; nothing is stored."""
        return check_files(files)

    def publish(
        self, files: Mapping[str, bytes], actor: Actor, note: str = "", *, over: str = ""
    ) -> tuple[Package, list[Finding]]:
        """Check, compile and store a package as the next version of its key; new cases take it at once.

        The files of the newest version again change nothing; those of an older one become the newest, under a new number.
        `over` is the hash of the version that the change was made to: raises `Conflict` when another one is in force by
        now. Raises `DefinitionRefused` with the findings.
        """
        findings = check_files(files)
        package = None if refuses(findings) else compile_package(files)[0]
        if package is None:
            raise DefinitionRefused(findings=findings)
        with self.desk(actor) as desk:
            connection, now = desk.connection, desk.now
            newest = connection.execute(_newest, {"b_key": package.key}).scalar()
            if over and newest is not None and newest != over:
                raise Conflict("这个流程已有更新的版本，请刷新后把修改移过去再发布。")
            if newest != package.hash:
                highest = sa.select(sa.func.max(packages.c.version)).where(packages.c.key == package.key)
                version = (connection.execute(highest).scalar() or 0) + 1
                said = {
                    "version": version,
                    "published_at": now,
                    "published_by": actor.person,
                    "note": note,
                }
                again = sa.update(packages).where(packages.c.hash == package.hash).values(**said)
                if connection.execute(again).rowcount == 0:
                    new = {
                        "hash": package.hash,
                        "key": package.key,
                        "title": package.title,
                        "files": zip_files(package.files),
                    }
                    connection.execute(sa.insert(packages), [new | said])
                data = {
                    "title": f"{package.title} 第 {version} 版",
                    "key": package.key,
                    "version": version,
                    "note": note,
                }
                desk.note("PackagePublished", package.hash, data)
                planned = timed_starts.planned(package, version, self.moment_in(connection))
                if planned:
                    connection.execute(timed_starts.insert, planned)
        self._packages[package.hash] = package
        return package, findings

    def package(self, hash_: str) -> Package:
        """A published version, compiled once. Raises `NotFound`."""
        found = self._packages.get(hash_)
        if found is not None:
            return found
        with self.database.read() as connection:
            return self._package(connection, hash_)

    def package_of(self, case: str) -> Package:
        """The version a case is pinned to. Raises `NotFound`."""
        with self.database.read() as connection:
            hash_ = connection.execute(sa.select(cases.c.package).where(cases.c.id == case)).scalar()
            if hash_ is None:
                raise NotFound(case=case)
            return self._package(connection, hash_)

    def newest(self, key: str) -> Package:
        """The version new cases take. Raises `NotFound`."""
        with self.database.read() as connection:
            return self._newest(connection, key)

    def newest_all(self) -> list[Package]:
        """The newest version of every package."""
        with self.database.read() as connection:
            keys = connection.execute(sa.select(packages.c.key).distinct().order_by(packages.c.key))
            return [self._newest(connection, key) for key in keys.scalars().all()]

    def _newest(self, connection: sa.Connection, key: str) -> Package:
        hash_ = connection.execute(_newest, {"b_key": key}).scalar()
        if hash_ is None:
            raise NotFound(f"没有已发布的流程“{key[:60]}”，请先在“流程”中发布。")
        return self._package(connection, hash_)

    def _package(self, connection: sa.Connection, hash_: str) -> Package:
        package = self._packages.get(hash_)
        if package is None:
            blob = connection.execute(sa.select(packages.c.files).where(packages.c.hash == hash_)).scalar()
            if blob is None:
                raise NotFound(f"没有这个流程版本：{hash_[:12]}")
            package, findings = compile_package(unzip_files(blob))
            if package is None or package.hash != hash_:
                raise DefinitionRefused(
                    f"流程版本 {hash_[:12]} 无法用当前程序打开，请联系系统管理员。", findings=findings
                )
            self._packages[hash_] = package
        return package


_newest = (
    sa.select(packages.c.hash)
    .where(packages.c.key == sa.bindparam("b_key"))
    .order_by(packages.c.version.desc())
    .limit(1)
)
