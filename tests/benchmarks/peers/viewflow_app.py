"""viewflow (Django) on PostgreSQL: its own models and tables, a user task assigned and executed, its own boundary timer
armed on each. Forms are not checked; whether the person may is asked by its own `can_execute`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django
from django.apps import AppConfig
from django.conf import settings
from psycopg import conninfo

from tests.benchmarks.form import FILLED


class Application(AppConfig):
    """The folder as a Django application, so that the flow finds where it belongs."""

    name = "tests.benchmarks.peers"
    label = "peers"


class Competitor:
    """In an empty database."""

    def __init__(self, dsn: str, folder: Path) -> None:
        words = conninfo.conninfo_to_dict(dsn)
        settings.configure(
            INSTALLED_APPS=[
                "django.contrib.contenttypes",
                "django.contrib.auth",
                "viewflow",
                "viewflow.workflow",
                f"{__name__}.Application",
            ],
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.postgresql",
                    "HOST": words["host"],
                    "PORT": words["port"],
                    "USER": words["user"],
                    "NAME": words["dbname"],
                    "CONN_MAX_AGE": None,
                }
            },
            USE_TZ=True,
            SECRET_KEY="benchmark",
            ROOT_URLCONF="django.urls",
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        from django.contrib.auth.models import User

        from tests.benchmarks.peers.viewflow_flow import Four

        self.user = User.objects.get_or_create(username="anna", is_superuser=True)[0]
        self.flow = Four

    def session(self) -> Session:
        return Session(self.user, self.flow)


class Session:
    """A case is its process's key."""

    def __init__(self, user: Any, flow: Any) -> None:
        self.user, self.flow = user, flow

    def start(self) -> int:
        return int(self.flow.start.run().pk)

    def complete(self, case: int) -> None:
        from django.db import transaction

        with transaction.atomic(), self.flow.lock(case):
            task = self.flow.task_class.objects.select_related("process").get(
                process_id=case, flow_task_type="HUMAN", status="NEW"
            )
            activation = task.flow_task.activation_class(task)
            activation.assign(self.user)
            activation.process.data = FILLED
            if not task.flow_task.can_execute(self.user, task):
                raise PermissionError(case)
            activation.start(None)
            activation.process.save()
            activation.execute()
