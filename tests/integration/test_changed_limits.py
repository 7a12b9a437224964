"""A change of limits holds wholly or not at all, on a real engine."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bun_sandbox_kernel import selfcheck
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.engines.docker_api import connect
from bun_sandbox_kernel.engines.docker_spec import resources
from bun_sandbox_kernel.errors import StartFailed
from bun_sandbox_kernel.magics.sandbox import _changed
from bun_sandbox_kernel.policy import SandboxPolicy
from bun_sandbox_kernel.session import Session
from tests.integration.kernels import Notebook, printed, refused
from tests.integration.test_engine import held, value


def at_the_engine(container: str) -> dict[str, Any]:
    _, found = connect().ask("GET", f"/containers/{container}/json")
    return {name: found["HostConfig"][name] for name in resources(SandboxPolicy())}


async def at_the_supervisor(session: Session) -> dict[str, Any]:
    async with session._client.request("GET", "/health") as answer:
        return dict(json.loads(b"".join([chunk async for chunk in answer.chunks()]))["limits"])


async def test_a_change_that_the_proof_refuses_is_taken_back_from_engine_and_supervisor(engine: DockerEngine) -> None:
    proven = selfcheck.start(engine, SandboxPolicy(), lambda _: None)
    session = Session(proven.sandbox)
    try:
        with held(session):
            await value(session, "globalThis.kept = 1")
            before = at_the_engine(proven.sandbox.id), await at_the_supervisor(session)
            # Both accept this, and no running sandbox has such a /tmp: the self-check finds the old one.
            asked = replace(
                proven.policy, memory_bytes=384 << 20, cpus=1.0, pids=70, max_execution_ms=1000, tmp_bytes=1 << 20
            )
            with pytest.raises(StartFailed, match="tmp: tmpfs of 64 MB"):
                await _changed(session, proven, asked)
            assert (at_the_engine(proven.sandbox.id), await at_the_supervisor(session)) == before
            assert selfcheck.prove(proven.sandbox, proven.policy, "docker") == proven.lines
            assert await value(session, "kept") == "1"
            changed = await _changed(session, proven, replace(asked, tmp_bytes=proven.policy.tmp_bytes))
            assert changed.policy.memory_bytes == at_the_engine(proven.sandbox.id)["Memory"] == 384 << 20
            assert (await at_the_supervisor(session))["max_execution_ms"] == 1000
    finally:
        await session.close()


def test_a_change_that_the_engine_refuses_changes_nothing(fresh: Notebook) -> None:
    before = printed(fresh.run("%sandbox_limits")[1])
    said = refused(fresh, "%sandbox_limits memory=384m cpus=64 max_execution_time=1000")
    assert said.startswith("The engine refused")
    assert "CPUs" in said
    assert printed(fresh.run("%sandbox_limits")[1]) == before
    reply, _ = fresh.run("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))", stop_on_error=False)
    assert reply["evalue"].startswith("memory limit 256 MB reached")
