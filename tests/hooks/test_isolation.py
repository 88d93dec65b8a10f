"""Nobody sees somebody else's hooks, and none outlives its block."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hooks.checks import assert_close, assert_differs, assert_same, hooks_of, pictures

from clipprobe.anatomy import listening as context
from clipprobe.errors import HookNeverFiredError
from clipprobe.hooks import capture, intervene

POST = "vision.blocks.1.mlp.post"


@pytest.fixture(autouse=True)
def nothing_stays(clip: Any) -> Iterator[None]:
    """The number of hooks on every module is the same before and after each test."""
    before = hooks_of(clip.module)
    yield
    assert hooks_of(clip.module) == before
    assert not context.active()


def test_hooks_are_there_inside_the_block_only(clip: Any) -> None:
    before = hooks_of(clip.module)
    with capture(clip, "vision.*"), intervene(clip, {POST: "zero"}):
        assert sum(hooks_of(clip.module).values()) > sum(before.values()) + 30
        assert context.active()
        clip.encode_images(pictures(1))
    assert hooks_of(clip.module) == before


@pytest.mark.parametrize("place", ["function", "sink", "body"])
def test_hooks_are_gone_after_an_exception(clip: Any, place: str) -> None:
    def fail(*arguments: Any) -> torch.Tensor:
        raise ZeroDivisionError

    before, bare = hooks_of(clip.module), clip.encode_images(pictures(2))
    with pytest.raises(ZeroDivisionError):
        with capture(clip, "vision.*", sink=fail if place == "sink" else None):
            with intervene(clip, {POST: fail if place == "function" else "zero"}):
                if place == "body":
                    raise ZeroDivisionError
                clip.encode_images(pictures(2))
    assert hooks_of(clip.module) == before
    assert_same(clip.encode_images(pictures(2)), bare)


def test_a_pass_that_broke_off_leaves_nothing_for_the_next(clip: Any) -> None:
    """A change of resid_mid is mended at the block's end; a pass that fails in between must not
    leave its correction to the next one."""
    bare = clip.encode_images(pictures(2))

    def fail(x: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError

    changed = {"vision.blocks.1.resid_mid": 5.0, "vision.blocks.1.attn.head_out": 5.0}
    with capture(clip, "vision.blocks.1.resid_post") as acts:
        with pytest.raises(ZeroDivisionError):
            with intervene(clip, {**changed, "vision.blocks.1.mlp.pre": fail}):
                clip.encode_images(pictures(2))
        with intervene(clip, {"vision.blocks.1.resid_post": lambda x: x}):
            assert_same(clip.encode_images(pictures(2)), bare)
    assert len(acts["vision.blocks.1.resid_post"]) == 2


def test_two_threads_never_see_each_others_hooks(clip: Any) -> None:
    """Six threads on one model, each with its own picture, change and capture, many times."""
    images = pictures(6)
    expected = [clip.encode_images([image]) for image in images]
    start = threading.Barrier(6)

    def changing(i: int) -> None:
        start.wait(60)
        for _ in range(6):
            with intervene(clip, {f"{POST}:{i}": 4.0}), capture(clip, [POST, "*.pooled"]) as acts:
                changed = clip.encode_images([images[i]])
                clip.encode_texts(["a"])
            assert acts[POST].shape[0] == 1
            assert (acts[POST][..., i] == 4.0).all()
            others = [j for j in range(6) if j != i]
            assert not (acts[POST][..., others] == 4.0).any()
            assert_differs(changed, expected[i], 1e-6)

    def bare(i: int) -> None:
        start.wait(60)
        for _ in range(12):
            assert not context.active()
            assert_same(clip.encode_images([images[i]]), expected[i])

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(changing if i % 2 else bare, i) for i in range(6)]
        for job in jobs:
            job.result(timeout=300)


def test_a_thread_that_is_started_inside_sees_nothing(clip: Any) -> None:
    """A new thread has an empty context: the capture says that nothing ran for it."""
    in_thread = contextvars.Context()
    with pytest.raises(HookNeverFiredError, match="in the thread that opened it"):
        with capture(clip, POST):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(in_thread.run, clip.encode_images, pictures(1)).result(timeout=120)


def test_tasks_of_one_event_loop_are_apart(clip: Any) -> None:
    async def one(unit: int) -> torch.Tensor:
        with intervene(clip, {f"{POST}:{unit}": 4.0}), capture(clip, POST) as acts:
            await asyncio.sleep(0)
            clip.encode_images(pictures(1))
            await asyncio.sleep(0)
        value: torch.Tensor = acts[POST]
        return value

    async def both() -> list[torch.Tensor]:
        return list(await asyncio.gather(one(2), one(3)))

    first, second = asyncio.run(both())
    assert (first[..., 2] == 4.0).all() and not (first[..., 3] == 4.0).any()
    assert (second[..., 3] == 4.0).all() and not (second[..., 2] == 4.0).any()


def test_a_task_that_outlives_the_block_no_longer_sees_it(clip: Any) -> None:
    bare = clip.encode_images(pictures(1))

    async def late(gate: asyncio.Event) -> Any:
        await gate.wait()
        return context.active(), clip.encode_images(pictures(1))

    async def main() -> Any:
        gate = asyncio.Event()
        with intervene(clip, {POST: "zero", "vision.pooled": 1.0}):
            task = asyncio.create_task(late(gate))
            await asyncio.sleep(0)
            clip.encode_images(pictures(1))
        gate.set()
        return await task

    active, output = asyncio.run(main())
    assert not active
    assert_same(output, bare)


def test_generators_may_close_their_captures_in_any_order(clip: Any) -> None:
    def batches(how: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[Any]:
        with intervene(clip, {POST: how}):
            yield clip.encode_images(pictures(1))

    bare = clip.encode_images(pictures(1))
    first, second = batches(lambda x: x * 2), batches(lambda x: x / 2)
    doubled, both = next(first), next(second)
    assert_differs(doubled, bare)
    assert_close(both, bare, 1e-5)
    first.close()
    assert context.active()
    second.close()
    assert_same(clip.encode_images(pictures(1)), bare)


def test_a_generator_closed_in_another_context_takes_its_hooks_along(clip: Any) -> None:
    def batches() -> Iterator[Any]:
        with intervene(clip, {POST: "zero"}):
            yield clip.encode_images(pictures(1))

    bare = clip.encode_images(pictures(1))
    generator = batches()
    opened_in = contextvars.copy_context()
    opened_in.run(next, generator)
    generator.close()
    assert not opened_in.run(context.active)
    assert_same(opened_in.run(clip.encode_images, pictures(1)), bare)


def test_a_closed_capture_holds_no_model_and_no_scratch(clip: Any) -> None:
    with capture(clip, "vision.blocks.*.attn.*") as acts:
        clip.encode_images(pictures(1))
    session = capture(clip, POST)
    with session:
        clip.encode_images(pictures(1))
    alive = weakref.ref(session)
    del session
    gc.collect()
    assert alive() is None
    assert acts["vision.blocks.0.attn.q"].shape == (1, 17, 4, 8)
