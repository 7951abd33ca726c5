"""The base of every model a person writes: unknown fields are refused, values are not bent to fit."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from gov_pipelines.policy.remedies import in_words


class Strict(BaseModel):
    """Frozen, no extra fields; errors say what to write instead. Fields named as a Python keyword carry an alias."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True, allow_inf_nan=False
    )

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            fields = [(field.alias or name, field) for name, field in cls.model_fields.items()]
            said = [in_words(each, fields) for each in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, said) from None
