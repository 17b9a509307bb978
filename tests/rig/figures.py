"""Reading what a process tells Prometheus."""

from __future__ import annotations

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


async def total(url: str, name: str) -> float:
    """The sum of a metric's samples, whatever their labels; 0 without any."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        families = text_string_to_metric_families(await response.text())
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)
