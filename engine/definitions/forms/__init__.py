"""Forms 表单: form-js schemas read, checked and validated on the server.

`read_form` reads one, `Form.validate` checks what a person filled in against it.
"""

from engine.definitions.forms.form import Field, Form
from engine.definitions.forms.reading import CHOICES, CHOICES_OF_A_ROLE, read_form

__all__ = ["CHOICES", "CHOICES_OF_A_ROLE", "Field", "Form", "read_form"]
