"""What a cell means, seen from a front end: state, modules, values, errors, and cells that fight the kernel."""

from __future__ import annotations

import json

import pytest

from tests.integration.kernels import ANSI, Notebook, errors, text


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (["const a = 1", "const a = 'two'", "a"], '"two"'),
        (["let f = () => 1; const g = () => f()", "f = () => 2", "g()"], "2"),
        (["class C { m() { return 1 } }", "class C { m() { return 2 } }", "new C().m()"], "2"),
        (["enum E { A = 5 }", "E.A + E[5]"], '"5A"'),
        (["namespace N { export const x = 7 }", "N.x"], "7"),
        (["interface I { x: number }; type T = I | null", "const i: T = { x: 3 }; i.x"], "3"),
        (["const { p, q: [r = 4] } = { p: 1, q: [] as number[] }", "p + r"], "5"),
        (["import { sep } from 'node:path'", "sep"], '"/"'),
        (["for (var i = 0; i < 3; i++) {}", "i"], "3"),
        (["const { x, ...rest } = { x: 1, y: 2 }; const y = await Promise.resolve(rest.y)", "y"], "2"),
    ],
)
def test_what_a_cell_declares_persists_and_may_be_declared_again(
    notebook: Notebook, cells: list[str], value: str
) -> None:
    for cell in cells[:-1]:
        assert notebook.run(cell)[0]["status"] == "ok"
    assert notebook.value(cells[-1]) == value


def test_variables_set_before_a_throw_survive_it(notebook: Notebook) -> None:
    notebook.run("let early = 1; early = 2; throw new Error('late')")
    assert notebook.value("early") == "2"


@pytest.mark.parametrize(
    "assignment", ["fixed = 2", "fixed++", "fixed += 1", "[fixed] = [2]", "(() => { fixed = 2 })()"]
)
def test_a_constant_cannot_be_assigned_to_in_a_later_cell(notebook: Notebook, assignment: str) -> None:
    notebook.run("const fixed = 1")
    _, published = notebook.run(assignment)
    (error,) = errors(published)
    assert error["ename"] == "TypeError"
    assert "constant" in error["evalue"]
    assert notebook.value("fixed") == "1"


def test_a_constant_cannot_be_assigned_to_in_its_own_cell(notebook: Notebook) -> None:
    _, published = notebook.run("const own = 1\nown = 2")
    (error,) = errors(published)
    assert (error["ename"], error["evalue"]) == ("TypeError", "Cannot assign to 'own' because it is a constant.")


def test_earlier_results_have_names(notebook: Notebook) -> None:
    reply, _ = notebook.run("'first'")
    count = reply["execution_count"]
    notebook.run("'second'")
    assert notebook.value(f"[_, __, _{count}, Out[{count}], In[{count}]].join(' ')") == (
        "\"second first first first 'first'\""
    )


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("{ a: 1 }", "{\n  a: 1,\n}"),
        ("null", "null"),
        ("<number>(5 as any)", "5"),
        ("export const exported = 6; exported", "6"),
        ("import type { Stats } from 'node:fs'; let s: Stats | 8 = 8; s", "8"),
        ("(await import('bun:sqlite')).Database.name", '"Database"'),
        ("require('node:path').basename('/a/b')", '"b"'),
        ("import.meta.dir", '"/sandbox/code"'),
    ],
)
def test_a_cell_has_the_value_that_its_author_expects(notebook: Notebook, cell: str, value: str) -> None:
    assert notebook.value(cell) == value


@pytest.mark.parametrize("cell", ["1;", "undefined", "const hidden = 1", "if (true) { 1 }", "// nothing"])
def test_a_cell_without_a_value_shows_none(notebook: Notebook, cell: str) -> None:
    reply, published = notebook.run(cell)
    assert (reply["status"], published) == ("ok", [])


def test_files_and_packages_of_the_sandbox_can_be_imported(notebook: Notebook) -> None:
    notebook.run(
        "import { mkdirSync, writeFileSync } from 'node:fs';\n"
        "mkdirSync('node_modules/tiny', { recursive: true });\n"
        "writeFileSync('node_modules/tiny/index.js', 'export default 1');\n"
        "writeFileSync('own.ts', 'export const two: number = 2');\n"
        "writeFileSync('data.json', '{\"three\": 3}'); writeFileSync('text.txt', '4')"
    )
    assert notebook.value(
        "import tiny from 'tiny'; import { two } from './own.ts'; import data from './data.json';\n"
        "import four from './text.txt' with { type: 'text' };\n"
        "[tiny, two, data.three, four].join('')"
    ) == ('"1234"')


@pytest.mark.parametrize("cell", ["await display(chart);", "chart"])
def test_a_vega_lite_specification_is_a_chart(notebook: Notebook, cell: str) -> None:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": [{"bun": "bao", "minutes": 12}]},
        "mark": "bar",
    }
    _, published = notebook.run(f"const chart = {json.dumps(spec)}; {cell}")
    (data,) = (m.content["data"] for m in published)
    assert data["application/vnd.vegalite.v5+json"] == spec
    assert "vega-lite" in data["text/plain"]  # for front ends that draw none


def test_elements_without_react_are_html(notebook: Notebook) -> None:
    _, published = notebook.run("const Hello = ({ name }: { name: string }) => <b>{name}</b>; <Hello name='<Ada>' />")
    assert published[0].content["data"]["text/html"] == "<b>&lt;Ada&gt;</b>"


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("throw new Error('outer', { cause: new TypeError('inner') })", ["outer", "caused by:", "TypeError: inner"]),
        ("await Promise.any([Promise.reject(new Error('one'))])", ["AggregateError", "1 of 1:", "Error: one"]),
        ("[1].forEach(() => { throw new Error('in a callback') })", ["in a callback", "line 1", "^"]),
        ("import nothing from 'no-such-package'", ["no-such-package"]),
        ("const é = '🥟'\r\nthrow new Error('windows')", ["line 2", "throw new Error('windows')"]),
    ],
)
def test_a_traceback_tells_what_went_wrong_and_where(notebook: Notebook, cell: str, parts: list[str]) -> None:
    _, published = notebook.run(cell)
    (error,) = errors(published)
    shown = ANSI.sub("", "\n".join(error["traceback"]))
    assert [part for part in parts if part not in shown] == []
    assert "/opt/bun-sandbox" not in shown


@pytest.mark.parametrize(
    "cell",
    [
        "JSON.stringify = () => 'gone'; JSON.parse = null; globalThis.Promise = null; globalThis.globalThis = {}",
        "for (const key of Reflect.ownKeys(Array.prototype)) try { Array.prototype[key] = null } catch {}",
        "process.stdout.write = process.send = () => { throw new Error('broken') }",
        "for (const o of [Object, Array, Function, Promise, Map, String]) Object.freeze(o.prototype)",
        "Object.prototype.then = () => {}; Object.prototype.get = () => {}",
        "process.exit()",
        "process.abort()",
        "process.kill(process.pid)",
        "for (let fd = 0; fd < 10; fd++) try { require('node:fs').closeSync(fd) } catch {}",
        "for (let fd = 0; fd < 9; fd++) try { require('node:fs').writeSync(fd, 'x\\n') } catch {}; await Bun.sleep(20)",
        "throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
        "({ get x() { for (;;); }, toJSON() { for (;;); }, [Symbol.toPrimitive]() { throw 1 } })",
        "({ [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('no') } })",
        "({ [Symbol.for('Jupyter.display')]: () => Object.fromEntries([...Array(1e5)].map((_, i) => ['a/' + i, 1])) })",
        "({ [Symbol.for('Jupyter.display')]: () => JSON.parse('{\"__proto__\": {}, \"a/__proto__\": 1}') })",
        "'x'.repeat(2 ** 31 - 1)",
        "new Array(2 ** 26).fill('x').join('yz')",
    ],
)
def test_after_a_hostile_cell_has_had_its_reply_the_next_one_works(notebook: Notebook, cell: str) -> None:
    reply, published = notebook.run(f"console.log('before');\n{cell}")
    assert reply["status"] in {"ok", "error"}
    assert text(published).startswith("before\n")
    reply, published = notebook.run("console.log('alive'); await 1; 1 + 1")
    assert (reply["status"], text(published)) == ("ok", "alive\n")
    notebook.run("process.reallyExit(0)")
