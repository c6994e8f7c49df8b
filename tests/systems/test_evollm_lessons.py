"""What a language model is taught is what EvoLLM would ask, with the teacher's next mean as the answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import strategies
from jaxlife.core.protocol import Evals
from jaxlife.models import llm
from jaxlife.strategies import trajectory
from jaxlife.strategies.evollm import Answerer, Layout, form
from jaxlife.systems import evollm_lessons

LAYOUT = Layout(generations=2, members=3)


@pytest.fixture(scope="module")
def recorded():
    teacher = strategies.snes(jnp.array([1.0, -1.0]), population=4, sigma=0.5)
    run = trajectory.record(teacher, lambda key, x, context: Evals(jnp.sum(x**2, axis=1)), 4)
    return jax.jit(run)(jax.random.key(2), teacher.params)


@pytest.fixture(scope="module")
def lessons(recorded):
    return jax.jit(lambda one: evollm_lessons.of_search(one, LAYOUT))(recorded)


@pytest.mark.slow
def test_a_lesson_asks_what_the_strategy_asks(recorded, lessons):
    seen = []

    def spy(keys, query, context, temperature):
        seen.append(query)
        return query.best, {}

    es = strategies.evollm(jnp.zeros(2), population=4, model=Answerer(spy), **LAYOUT._asdict())
    state = es.init(jax.random.key(0), es.params)
    for t in range(4):
        state = state.replace(mean=recorded.mean[t], sigma=recorded.std[t])
        state, _ = es.tell(jax.random.key(t), state, es.params, recorded.x[t], Evals(recorded.f[t]))
    for t, asked in enumerate(seen):
        jax.tree.map(lambda a, b, t=t: np.testing.assert_array_equal(a, b[t]), asked, lessons.query)


def test_the_answer_is_the_cell_of_the_teachers_next_mean(recorded, lessons):
    low, high = recorded.mean[:-1] - 3 * recorded.std[:-1], recorded.mean[:-1] + 3 * recorded.std[:-1]
    back = low + (lessons.answer[..., 0] + 0.5) / 100 * (high - low)
    assert float(jnp.max(jnp.abs(back - recorded.mean[1:]) / (high - low))) <= 0.005 + 1e-5


@pytest.mark.slow
def test_only_the_answer_is_learnt(lessons):
    lm = llm.untrained()
    tables = form.tables(form.named("terse"), lm.tokenizer, 100)
    drawn = evollm_lessons.draw(lessons, 5, 0)
    for i, one in enumerate(evollm_lessons.examples(drawn, tables)):
        prompt = form.text(form.named("terse"), drawn.x[i], drawn.f[i], drawn.shown[i])
        learnt = [token for token, learn in zip(one.ids, one.learn, strict=True) if learn]
        assert lm.tokenizer.decode(one.ids) == f"{prompt}{drawn.best[i, 0]}\n"
        assert lm.tokenizer.decode(learnt) == f"{drawn.best[i, 0]}\n"


def test_errors_are_measured_in_cells(lessons):
    drawn = evollm_lessons.draw(lessons, 8, 0)
    found = evollm_lessons.errors(drawn.best + 2, drawn)
    assert found["answer"] == 2.0
    assert found["stand still"] == pytest.approx(np.abs(drawn.best - 50).mean())


def test_it_refuses_a_box_that_a_teacher_lacks(recorded):
    with pytest.raises(ValueError, match="frame"):
        evollm_lessons.of_search(recorded, Layout(frame=0.0))
    with pytest.raises(ValueError, match="members"):
        evollm_lessons.of_search(recorded, Layout(members=5))
