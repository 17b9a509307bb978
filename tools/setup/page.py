"""What the web process serves of the page: npm's modules and those of static/, bundled into few files.

Every page is one HTML file that names one script and one style sheet; the bundler (esbuild) puts all that these import
into them, what several pages use into files of its own, and LiveKit's client, which is imported when somebody joins or
watches a room, into another. Names hold a hash of the content, so that browsers keep the files for good.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.setup import toolchains
from tools.setup.work import SetupError, Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.setup.work import Log

OWN_FOLDER: Final = "build"
"""In the checkout: set-up's lock, its logs, and what it does not leave to a folder that others may write."""

BUILT: Final = Path("static", "built")
PAGES: Final = ("frontend.html", "static/pages/join.html", "static/pages/login.html")
"""Files of the checkout; in `BUILT` each has the same name."""

_SOURCES: Final = (".js", ".css", ".svg")
_LICENCES: Final = {"livekit-client.LICENSE.txt": "livekit-client/LICENSE", "htm.LICENSE.txt": "htm/LICENSE"}
"""Files of `BUILT` and where in node_modules/ they come from."""
_OPTIONS: Final = (
    "--bundle",
    "--splitting",
    "--format=esm",
    "--minify",
    "--sourcemap",
    "--legal-comments=linked",
    "--loader:.svg=copy",
    "--entry-names=[name]-[hash]",
    "--chunk-names=[name]-[hash]",
    "--log-level=warning",
)
_ADDRESS: Final = re.compile(r'"/(static/[^"]+)"')
_SCRIPT: Final = '<script type="module"'


class Page:
    """static/built/, and node_modules/ where it has to be made."""

    def __init__(self, root: Path, env: Mapping[str, str], *, dev: bool) -> None:
        """`root` is the checkout; `dev` also installs the type checker and what the tests use."""
        self._root, self._env, self._dev = root, env, dev
        self._modules, self._built = root / "node_modules", root / BUILT
        lists = [root / "package.json", root / "package-lock.json"]
        self._packages = Stamp(self._modules / ".made", inputs=lists, made=[self._modules / "esbuild"])
        self._checker = Stamp(self._modules / ".dev", inputs=lists, made=[self._modules / ".bin" / "tsc"])
        self._made = Stamp(
            self._built / ".made",
            inputs=[*lists, repr((_OPTIONS, _LICENCES)), *_named(root)],
            made=[self._built / Path(page).name for page in PAGES],
        )

    @property
    def done(self) -> bool:
        """Whether the files are those of the present sources and lock file."""
        return self.built and (self._checker.fresh or not self._dev)

    @property
    def built(self) -> bool:
        """The same, whatever else is there."""
        return self._made.fresh

    def install(self, python: Path, log: Log) -> None:
        """Install with npm what is not there, and build.

        Raises:
            SetupError: npm or the bundler could not.
        """
        if not (self._checker.fresh or (self._packages.fresh and not self._dev)):
            self._fetch(python, log)
        if not self.built:
            self.build(log)

    def _fetch(self, python: Path, log: Log) -> None:
        own = self._root / OWN_FOLDER
        node = toolchains.find_node(self._env) or toolchains.fetched_node(own)
        node = node or toolchains.fetch_node(python, own, log, self._env)
        if node is None:
            raise SetupError("the Node from PyPI does not run here: install Node 20 or newer with npm")
        options = ["--ignore-scripts", "--no-audit", "--no-fund"]
        if not self._dev:
            options.append("--omit=dev")
        path = os.pathsep.join(filter(None, (node.folder, self._env.get("PATH"))))
        log.run([*node.npm, "ci", *options], cwd=self._root, env={**self._env, "PATH": path})
        self._packages.set()
        if self._dev:
            self._checker.set()

    def build(self, log: Log) -> None:
        """Bundle what there is, in the place of what was built before, which stays when that fails.

        Raises:
            SetupError: a source is not right, or npm installed something else than expected.
        """
        bundler = next(self._modules.glob("@esbuild/*/bin/esbuild"), None)
        if bundler is None:
            raise SetupError("npm installed no bundler for this machine: does it leave out optional packages?")
        own = self._root / OWN_FOLDER
        own.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="page-", dir=own))
        try:
            pages = {Path(page).name: (self._root / page).read_text("utf-8") for page in PAGES}
            entries = sorted({found for text in pages.values() for found in _ADDRESS.findall(text)})
            listed = folder / "outputs.json"
            out = folder / "built"
            where = [f"--outdir={out.relative_to(self._root)}", f"--metafile={listed.relative_to(self._root)}"]
            log.run([bundler, *entries, *_OPTIONS, *where], cwd=self._root, env=self._env)
            outputs = json.loads(listed.read_bytes())["outputs"]
            for name, text in pages.items():
                (out / name).write_text(_addressed(text, outputs), "utf-8")
            for name, source in _LICENCES.items():
                shutil.copyfile(self._modules / source, out / name)
            self._put(out)
        except OSError as error:
            raise SetupError(f"{error.filename} cannot be read or written ({error.strerror})") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put(self, out: Path) -> None:
        """Each file whole or not at all, the pages after what they name: a running server hands them out."""
        self._built.mkdir(parents=True, exist_ok=True)
        self._made.forget()
        made = sorted(out.iterdir(), key=lambda file: file.suffix == ".html")
        for file in made:
            file.chmod(0o644)
            file.replace(self._built / file.name)
        for old in {file.name for file in self._built.iterdir()} - {file.name for file in made}:
            (self._built / old).unlink(missing_ok=True)
        self._made.set()


def _named(root: Path) -> Iterator[Path | str]:
    """What the build reads of the checkout, each file after its name."""
    found = [root / page for page in PAGES]
    for folder, folders, files in os.walk(root / BUILT.parent):
        folders[:] = [one for one in folders if one != BUILT.name]
        found += [Path(folder, name) for name in files if name.endswith(_SOURCES)]
    for file in sorted(found):
        yield file.relative_to(root).as_posix()
        yield file


def _addressed(text: str, outputs: Mapping[str, Any]) -> str:
    """A page's HTML with the addresses of what was built, and word of what its script imports: all comes at once."""
    made = {told["entryPoint"]: path for path, told in outputs.items() if "entryPoint" in told}
    lines = []
    for line in text.splitlines(keepends=True):
        for source in _ADDRESS.findall(line) if _SCRIPT in line else ():
            indent = line[: line.index("<")]
            lines += [
                f'{indent}<link rel="modulepreload" href="/static/{Path(path).name}" />\n'
                for path in sorted(_imported(made[source], outputs))
            ]
        lines.append(_ADDRESS.sub(lambda found: f'"/static/{Path(made[found[1]]).name}"', line))
    return "".join(lines)


def _imported(path: str, outputs: Mapping[str, Any]) -> set[str]:
    direct = {one["path"] for one in outputs[path]["imports"] if one["kind"] == "import-statement"}
    return direct.union(*(_imported(one, outputs) for one in direct))
