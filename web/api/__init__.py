"""The JSON API `/api/v1` 接口: every write, and every read that the pages have. OpenAPI at `/api/v1/openapi.json`."""

from __future__ import annotations

import threading
from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider
from flask_smorest import Api
from flask_smorest.blueprint import Blueprint
from marshmallow import Schema
from werkzeug.exceptions import HTTPException

from engine.values import plain_json
from web.api.links import Links
from web.api.schemas import Problem
from web.errors import of_http
from web.identity import may
from web.security import StrictParser

PROBLEM = "application/problem+json"


class _Json(JSONProvider):
    """Answers are the values' plain form, by the same writer as the ledger's."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return plain_json(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = plain_json(self._prepare_response_obj(args, kwargs))
        return Response(body, content_type="application/json")

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)  # our own cookie; bodies from outside go through StrictParser


class OurApi(Api):
    """flask-smorest's Api; errors are answered by `web.errors` alone, and described as they are."""

    ERROR_SCHEMA = Problem  # type: ignore[assignment]

    def __init__(self, app: Flask, **more: Any) -> None:
        self._undescribed: list[Blueprint] = []
        self._describing = threading.Lock()
        super().__init__(app, **more)

    def register_blueprint(self, blp: Blueprint, **options: Any) -> None:
        """Its routes now, their description when somebody first asks for it: a start is not kept waiting by it."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._undescribed.append(blp)

    def _openapi_json(self) -> Response:
        with self._describing:
            while self._undescribed:
                room = self._undescribed[0]
                room.register_views_in_doc(self, self._app, self.spec, name=room.name, parameters=None)
                self.spec.tag({"name": room.name, "description": room.description})
                self._undescribed.pop(0)
        return super()._openapi_json()  # type: ignore[no-any-return]

    def _register_responses(self) -> None:
        usual, self.DEFAULT_RESPONSE_CONTENT_TYPE = self.DEFAULT_RESPONSE_CONTENT_TYPE, PROBLEM
        super()._register_responses()  # errors only; what succeeds is described by its route
        self.DEFAULT_RESPONSE_CONTENT_TYPE = usual

    def _register_error_handlers(self) -> None:
        """None of its own."""

    def handle_http_exception(self, error: HTTPException) -> Response:
        return of_http(error)


class Room(Blueprint):
    """A blueprint of the API with our argument parser."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: type[Schema], **more: Any) -> Any:
        """As flask-smorest's, with one instance of the schema for all requests."""
        return super().arguments(schema(), **more)


def rooms() -> list[Room]:
    """The rooms of the API, imported."""
    from web.api import (
        audit,
        calendar,
        cases,
        clock,
        directory,
        drafts,
        evidence,
        files,
        items,
        jobs,
        ledger,
        monitor,
        packages,
        register,
        reminders,
        session,
        talk,
        uploads,
        worklist,
    )

    modules = (
        session,
        worklist,
        items,
        drafts,
        cases,
        talk,
        files,
        uploads,
        evidence,
        packages,
        monitor,
        audit,
        directory,
        calendar,
        ledger,
        register,
        clock,
        jobs,
        reminders,
    )
    return [module.room for module in modules]


def install(app: Flask) -> None:
    """Put the API into `app`."""
    app.json = _Json(app)
    app.config.update(
        API_TITLE="督办 duban",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {
                "description": "督办的全部功能。用会话 Cookie 加 X-CSRF-Token，或用个人令牌 Authorization: Bearer。"
                "写操作可带 Idempotency-Key：同一编号重发不会重复办理。"
            },
            "components": {
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "duban"},
                }
            },
            "security": [{"token": []}, {"session": []}],
        },
    )
    api = OurApi(app, spec_kwargs={"extra_plugins": [Links()]})
    for room in rooms():
        api.register_blueprint(room, url_prefix=f"/api/v1{room.url_prefix or ''}")
    for endpoint, view in list(app.view_functions.items()):
        if endpoint.startswith("api-docs."):
            app.view_functions[endpoint] = may("anyone")(_plain_function(view))


def _plain_function(view: Any) -> Any:
    """A bound method cannot be declared upon; a function can."""

    def openapi(**kwargs: Any) -> Any:
        return view(**kwargs)

    return openapi
