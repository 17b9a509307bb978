"""`python -m facematch.people`: brings a folder of people in, takes it out, or lists who is there."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from facematch.people.client import ClientError, PeopleClient
from facematch.people.folder import TABLE, FolderError, parcels
from facematch.people.progress import Progress
from facematch.runtime.atomic_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from facematch.server.people.models import Person

_INTERRUPTED: Final = 130
_ID_DIGITS: Final = 16


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run one command. Returns the exit code: 1 when something was not taken, or could not be done."""
    out = out or sys.stdout
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        with _client(given) as client:
            code: int = given.run(client, given, out)
            return code
    except (ClientError, FolderError) as error:
        print(f"people: {error}", file=sys.stderr)  # noqa: T201
    except OSError as error:
        print(f"people: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        print("people: interrupted. Run the same command again: what was done is done.", file=sys.stderr)  # noqa: T201
        return _INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m facematch.people", description="People who are looked for.")
    parser.add_argument("--url", help="of the API; default: API_BASE_URL")
    commands = parser.add_subparsers(required=True, metavar="import | export | list")

    def command(name: str, run: Callable[..., int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    takes = command("import", _import, "Bring in a folder: one folder of photos for each person, perhaps people.csv.")
    takes.add_argument("folder", type=Path)
    takes.add_argument("--dry-run", action="store_true", help="say what would become of it, and keep nothing")
    gives = command("export", _export, "Take everybody out into a folder that `import` takes.")
    gives.add_argument("folder", type=Path)
    command("list", _list, "Who is there, with the number of their photos and what needs attention.")
    return parser


def _client(given: argparse.Namespace) -> PeopleClient:
    from facematch.config.settings import load_or_exit  # noqa: PLC0415  (not for --help)

    settings = load_or_exit()
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    return PeopleClient(given.url or str(settings.api_base_url), key, settings.data_dir)


def _import(client: PeopleClient, given: argparse.Namespace, out: TextIO) -> int:
    waiting = list(parcels(given.folder))
    progress = Progress(sum(len(parcel.photos) for parcel in waiting), out)
    counts = dict.fromkeys(("created", "taken", "duplicates", "refused"), 0)
    try:
        for parcel in waiting:
            for line in client.take(parcel.archive(), dry=given.dry_run):
                if "done" in line:
                    counts = {name: count + line[name] for name, count in counts.items()}
                    continue
                if text := _trouble(line):
                    progress.say(text)
                if "file" in line:
                    progress.step()
    finally:
        progress.end()
    wrong = counts["refused"] - counts["duplicates"]
    verb = "would be taken" if given.dry_run else "taken"
    print(
        f"{counts['taken']} photos {verb}, {counts['duplicates']} were there, {wrong} refused; "
        f"{counts['created']} new people.",
        file=out,
    )
    return 1 if wrong else 0


def _trouble(line: dict[str, Any]) -> str:
    """What a person should know of a photo; empty: it was taken, or was there."""
    where = line.get("file") or line.get("folder") or ""
    if not line.get("ok", True):
        return "" if line["code"] == "DUPLICATE" else f"{where}: {line['detail']}"
    return "".join(f"{where}: taken, but weak. {weak['detail']}" for weak in line.get("weak") or [])


def _export(client: PeopleClient, given: argparse.Namespace, out: TextIO) -> int:
    from facematch.server.people.archive import folders_of, table_of  # noqa: PLC0415  (not for the other commands)

    folders = folders_of(map(_person, client.people()))
    progress = Progress(sum(person.photos for _, person in folders), out)
    try:
        for folder, person in folders:
            for photo in client.person(person.id)["photo_list"]:
                _save(client, photo, given.folder / folder)
                progress.step()
        write_whole(given.folder / TABLE, table_of(folders))
    finally:
        progress.end()
    print(f"{len(folders)} people are in {given.folder}.", file=out)
    return 0


def _save(client: PeopleClient, photo: dict[str, Any], folder: Path) -> None:
    """Not again what is there whole: a photo's id is the beginning of its hash."""
    file = folder / f"{photo['id']}.jpg"
    if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest()[:_ID_DIGITS] == photo["id"]:
        return
    write_whole(file, client.photo(photo["url"]))


def _person(shown: dict[str, Any]) -> Person:
    from facematch.server.people.answers import PersonShown  # noqa: PLC0415  (the same)

    return PersonShown.model_validate(shown).person()


def _list(client: PeopleClient, _given: argparse.Namespace, out: TextIO) -> int:
    count = 0
    for person in client.people():
        count += 1
        name = "".join(c if c.isprintable() else "?" for c in person["name"])
        attention = f"  ({', '.join(person['attention'])})" if person["attention"] else ""
        print(f"{person['id']}  {person['photos']:>2} photos  {name}{attention}", file=out)
    print(f"{count} people", file=out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
