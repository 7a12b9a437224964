"""The folders that cells may write: full, deep, and made of what is no file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import fifo, number

FOLDERS = {
    "/tmp": SandboxPolicy().tmp_bytes,
    "/sandbox/code": SandboxPolicy().code_bytes,
    "/dev/shm": SandboxPolicy().shm_bytes,
}
SOCKET = 0o140000


@pytest.fixture(autouse=True)
def _folders_are_empty(inside: Inside) -> Iterator[None]:
    yield
    inside.clear(*FOLDERS)


def fill(folder: str) -> str:
    """Return code that writes to a file until it is refused."""
    return f"const file = fs.openSync('{folder}/full', 'w'); while (true) fs.writeSync(file, Buffer.alloc(1 << 20))"


# -- full --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "size"), FOLDERS.items())
def test_a_folder_holds_no_more_than_its_size(inside: Inside, folder: str, size: int) -> None:
    assert inside.code(fill(folder)) == "ENOSPC"
    assert inside.ask(f"fs.statSync('{folder}/full').size") <= size


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_holds_no_more_than_so_many_files(inside: Inside, folder: str) -> None:
    assert inside.code(f"for (let i = 0; i < 5000; i++) fs.writeFileSync(`{folder}/${{i}}`, '')") == "ENOSPC"


@pytest.mark.parametrize(
    "make", ["fs.mkdirSync(`/tmp/${i}`)", "fs.symlinkSync('/', `/tmp/${i}`)"], ids=["folders", "links"]
)  # fmt: skip
def test_whatever_has_a_name_counts_as_a_file(inside: Inside, make: str) -> None:
    assert inside.code(f"for (let i = 0; i < 5000; i++) {make}") == "ENOSPC"


def test_hard_links_have_an_end(inside: Inside) -> None:
    links = "fs.writeFileSync('/tmp/0', ''); for (let i = 1; i < 9000; i++) fs.linkSync('/tmp/0', `/tmp/${i}`)"
    assert inside.code(links) in {"ENOSPC", "EMLINK"}


def test_full_folders_do_not_keep_cells_from_running(victim: Inside) -> None:
    for folder in FOLDERS:
        assert victim.code(fill(folder)) == "ENOSPC"
    victim.lives()
    victim.run("process.exit()")
    victim.lives()
    assert victim.ask("import('node:path').then((path) => path.join('a', 'b'))") == "a/b"


def test_folders_without_room_for_names_do_not_keep_cells_from_running(victim: Inside) -> None:
    for folder in FOLDERS:
        victim.code(f"for (let i = 0; i < 5000; i++) fs.writeFileSync(`{folder}/${{i}}`, '')")
    victim.run("process.exit()")
    victim.lives()


def test_a_deleted_file_that_is_held_open_counts(inside: Inside) -> None:
    held = "const held = fs.openSync('/dev/shm/x', 'w'); fs.unlinkSync('/dev/shm/x');"
    try:
        assert inside.code(held + "while (true) fs.writeSync(held, Buffer.alloc(1 << 20))") == "ENOSPC"
    finally:
        inside.run("process.exit()")


# -- large and deep ----------------------------------------------------------------------------------------------------


def test_no_file_is_larger_than_the_policy_says(inside: Inside) -> None:
    size = SandboxPolicy().file_bytes
    assert inside.code(f"fs.writeFileSync('/tmp/x', ''); fs.truncateSync('/tmp/x', {size})") == "none"
    assert inside.code(f"fs.truncateSync('/tmp/x', {size + 1})") == "EFBIG"


def test_a_sparse_tebibyte_cannot_be_made(inside: Inside) -> None:
    assert inside.code("fs.writeFileSync('/tmp/x', ''); fs.truncateSync('/tmp/x', 2 ** 40)") == "EFBIG"
    assert inside.code("const x = fs.openSync('/tmp/x', 'r+'); fs.writeSync(x, 'x', 2 ** 40)") == "EFBIG"


def test_a_sparse_file_that_is_read_ends_with_its_cell(victim: Inside) -> None:
    sparse = "fs.writeFileSync('/tmp/x', ''); fs.truncateSync('/tmp/x', 100 * 2 ** 20);"
    end = victim.run(f"{sparse} const all = []; while (true) all.push(fs.readFileSync('/tmp/x'))").end
    assert (end.outcome, end.state) == ("memory", "lost")
    victim.lives()


def test_folders_that_are_too_deep_can_be_left(victim: Inside) -> None:
    victim.code("for (let depth = 0; depth < 3000; depth++) { fs.mkdirSync('d'); process.chdir('d') }")
    victim.lives()
    victim.run("process.exit()")
    victim.lives()


@pytest.mark.parametrize("name", ["'x'.repeat(256)", "'x/'.repeat(5000)", "'é'.repeat(200)"])
def test_a_huge_name_is_refused(inside: Inside, name: str) -> None:
    assert inside.code(f"fs.writeFileSync('/tmp/' + {name}, '')") == "ENAMETOOLONG"


def test_names_of_any_bytes_do_no_harm(inside: Inside) -> None:
    code = (
        "for (let byte = 1; byte < 256; byte++)"
        "  attempt(() => fs.writeFileSync(Buffer.concat([Buffer.from('/tmp/'), Buffer.from([byte])]), ''));"
        "console.log(fs.readdirSync('/tmp'))"
    )
    assert inside.run(code).end.outcome == "ok"
    inside.lives()


def test_open_files_have_an_end(victim: Inside) -> None:
    assert victim.code("while (true) fs.openSync('/dev/null')") == "EMFILE"
    victim.run("process.exit()")
    victim.lives()


# -- links out ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/proc/1/environ", "/proc/1/root/etc/shadow", "/run/bun-sandbox/http.sock"])
def test_a_link_leads_nowhere_new(inside: Inside, target: str) -> None:
    link = f"fs.rmSync('/tmp/link', {{ force: true }}); fs.symlinkSync('{target}', '/tmp/link');"
    assert inside.code(f"{link} fs.readFileSync('/tmp/link')") in {"EACCES", "ENXIO"}


def test_a_hard_link_to_the_system_cannot_be_made(inside: Inside) -> None:
    assert inside.code("fs.linkSync(process.execPath, '/tmp/link')") in {"EXDEV", "EPERM", "EROFS"}


@pytest.mark.parametrize("up", ["..", "../" * 40, "/proc/self/root/..", "/proc/self/cwd/../../.."])
def test_no_path_leads_above_the_root(inside: Inside, up: str) -> None:
    assert inside.ask(f"fs.readdirSync('/{up}').toString() === fs.readdirSync('/').toString()") is True


# -- what is no file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["f.ts", "f.js", "f.json", "f.txt", "f.wasm", "f"])
def test_an_import_of_a_pipe_does_not_wait_for_it(inside: Inside, name: str) -> None:
    imported = f"import('/tmp/{name}').then(() => 'imported', () => 'refused')"
    assert inside.ask(f"({fifo('/tmp/' + name)}, {imported})") == "refused"


@pytest.mark.parametrize("name", ["package.json", "tsconfig.json", "bunfig.toml", ".env", "node_modules"])
def test_a_pipe_in_place_of_a_settings_file_keeps_no_cell_waiting(inside: Inside, name: str) -> None:
    inside.run(f"{fifo('/sandbox/code/' + name)}; fs.writeFileSync('/sandbox/code/own.ts', 'export default 6 * 7')")
    inside.run("process.exit()")
    assert inside.ask("import('./own.ts').then((own) => own.default)") == 42


@pytest.mark.parametrize("path", ["/tmp/fifo", "/dev/zero", "/dev/random", "/proc/self/mem", "/tmp"])
def test_an_image_of_what_is_no_image_is_an_error(inside: Inside, path: str) -> None:
    ran = inside.run(f"{fifo('/tmp/fifo')}; image('{path}')")
    assert (ran.end.outcome, "image()" in ran.error) == ("error", True)


@pytest.mark.parametrize(
    "read",
    ["fs.readFileSync('/tmp/fifo')", "await Bun.file('/tmp/fifo').text()", "await fs.promises.readFile('/tmp/fifo')"],
)
def test_who_reads_a_pipe_waits_until_the_time_limit(inside: Inside, read: str) -> None:
    assert inside.run(f"{fifo('/tmp/fifo')}; {read}", timeout_ms=400).end.outcome == "timeout"
    inside.lives()


def test_a_folder_of_sockets_is_a_folder(inside: Inside) -> None:
    inside.run(f"call({number('mknodat')}, -100, '/tmp/socket', {SOCKET | 0o666}, 0)")
    assert inside.code("fs.readFileSync('/tmp/socket')") == "ENXIO"
