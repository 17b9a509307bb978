"""What each process reads of the settings, and what a person should be told about them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr, ValidationInfo, field_validator

from facematch.config.env_file import warning_about
from facematch.config.settings import Settings
from facematch.config.text_values import can_be_guessed

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

WEB_ONLY: Final = (
    "ADMIN_KEY",
    "VIEWER_KEY",
    "WEBHOOK_URL",
    "WEBHOOK_SECRET",
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
)
"""Secrets of the web process alone: the recognizer decodes what strangers send, and has no use for them."""


class WebSettings(Settings):
    """The settings of the web process, which cannot work with some of the keys only."""

    @field_validator("admin_key")
    @classmethod
    def _keys_complete(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and (info.data.get("recognizer_key") or info.data.get("viewer_key")):
            raise ValueError("must be set when another key is: nobody could manage Face Match")
        if value is not None and info.data.get("recognizer_key", value) is None:
            raise ValueError("needs RECOGNIZER_KEY beside it: the recognizer could not report")
        return value


class RecognizerSettings(Settings):
    """The settings of the recognizer. What is in `WEB_ONLY` is unset here, wherever it stands."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """See pydantic-settings."""
        for source in (env_settings, dotenv_settings):
            found = getattr(source, "env_vars", {})
            kept = {name: value for name, value in found.items() if name.upper() not in WEB_ONLY}
            source.env_vars = kept  # type: ignore[attr-defined]
        return super().settings_customise_sources(
            settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
        )


OTHERS_FOR_WEB_ONLY: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The same, by the names that other programs have for them."""


def is_web_only(name: str) -> bool:
    """Whether a variable of the environment is kept from the recognizer."""
    return name.upper() in WEB_ONLY or name.upper() in OTHERS_FOR_WEB_ONLY


def forget_web_secrets() -> None:
    """No program that the recognizer starts inherits them."""
    for name in {name for name in os.environ if is_web_only(name)}:
        del os.environ[name]


def warnings_about(settings: Settings) -> list[str]:
    """Sentences for the log: what works, and should not stay so."""
    keys = {name: getattr(settings, name) for name in ("admin_key", "viewer_key", "recognizer_key")}
    found = [
        f"{name.upper()} can be guessed; take a random one: "
        'python3 -c "import secrets; print(secrets.token_urlsafe(24))"'
        for name, key in keys.items()
        if key is not None and can_be_guessed(key.get_secret_value())
    ]
    file = settings.model_config.get("env_file")
    about_file = warning_about(file) if isinstance(file, os.PathLike) else None
    return [*found, about_file] if about_file else found
