"""加签意见: the form of an added signer, which every package has without drawing it.

A package may draw its own under the same key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from engine.definitions.forms import Form, read_form
from engine.definitions.vocabulary import AGAINST, OPINION, OPINION_FORM, REASON

_AGREES = "同意"
_SCHEMA = {
    "schemaVersion": 19,
    "type": "default",
    "id": OPINION_FORM,
    "title": OPINION_FORM,
    "components": [
        {
            "type": "radio",
            "id": "Field_opinion_1",
            "key": OPINION,
            "label": "意见",
            "description": "后加签的选“不同意”，这一步退回原办理人重新办理。",
            "values": [{"label": word, "value": word} for word in (_AGREES, AGAINST, "有补充意见")],
            "validate": {"required": True},
        },
        {
            "type": "textarea",
            "id": "Field_opinion_2",
            "key": "加签说明",
            "label": "说明",
            "conditional": {"hide": f'={OPINION} != "{_AGREES}"'},
            "validate": {"maxLength": 4000},
        },
        {
            "type": "textarea",
            "id": "Field_opinion_3",
            "key": REASON,
            "label": "理由",
            "conditional": {"hide": f'={OPINION} = null or {OPINION} = "{_AGREES}"'},
            "validate": {"required": True, "maxLength": 4000},
        },
    ],
}


def form_named(forms: Mapping[str, Form], key: str) -> Form | None:
    """A package's form by its key; that of added signers every package has."""
    return forms.get(key) or (opinion_form() if key == OPINION_FORM else None)


@lru_cache(maxsize=1)
def opinion_form() -> Form:
    """The form as every package has it."""
    form, findings = read_form(json.dumps(_SCHEMA, ensure_ascii=False).encode(), f"{OPINION_FORM}.json")
    if form is None:
        raise RuntimeError(f"the form of added signers cannot be read: {findings}")
    return form
