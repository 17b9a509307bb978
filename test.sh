#!/usr/bin/env bash
# Every check: style, types, the page's modules, and all tests; they run beside each other.
#   ./test.sh                         everything, in several processes
#   ./test.sh --quick                 everything but what starts browsers, servers and package managers, or looks at
#                                     photographs (`long` and `real` below)
#   ./test.sh --faults                everything, with the proofs of tests/faults at their whole length, some 40 minutes
#   ./test.sh [pytest arguments]      the checks and some tests, in one process: ./test.sh tests/faces -k encoder
# All of it runs even when a part fails; the exit code and the last line tell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

unset PYTHONDONTWRITEBYTECODE  # what one process has compiled serves all of them, and the next run

./install_fix.sh --dev --if-needed
python=.venv/bin/python
node="$(./install_fix.sh --node)"
failed="$(mktemp)"
trap 'rm -f "$failed"' EXIT

# Runs the rest of its arguments, shows what they said, under the name in the first, when they have ended, and
# remembers whether they failed.
check() {
  local name="$1" said status=0
  shift
  said="$("$@" 2>&1)" || status=$?
  printf '\n== %s\n%s\n' "$name" "$said"
  if [ "$status" -ne 0 ]; then printf '%s\n' "$name" >>"$failed"; fi
}

js_tests=()
while IFS= read -r file; do
  js_tests+=("$file")
done < <(find tests/js -name '*.test.js' | sort)

checks() {
  check "shell scripts (shellcheck)" .venv/bin/shellcheck install_fix.sh run.sh test.sh .ci/run
  check "style (ruff check)" "$python" -m ruff check
  check "format (ruff format)" "$python" -m ruff format --check
  check "types of the page (tsc)" "$node" node_modules/typescript/bin/tsc -p tsconfig.json
  check "tests of the page (node)" "$node" --test --test-reporter=spec "${js_tests[@]}"
  check "types (mypy)" "$python" -m mypy
}

# Two workers more than cores: many tests wait.
workers="$("$python" -c 'import os; print(min(6, (os.cpu_count() or 1) + 2))')"
parallel=(-n "$workers" --dist loadfile --no-loadscope-reorder)
long=(
  tests/e2e
  tests/faults
  tests/scale
  tests/server/access/test_local_processes.py
  tests/server/events/test_compressed.py
  tests/server/events/test_durability.py
  tests/server/events/test_socket_bombs.py
  tests/server/storage/test_sole_process.py
  tests/server/web/test_framings.py
  tests/server/web/test_hostile_clients.py
  tests/server/web/test_openapi.py
  tests/server/web/test_uvicorn.py
  tests/setup/test_packages.py
  tests/bench/test_album.py
  tests/faces
  tests/recognizer/evidence/test_real_stills.py
  tests/recognizer/room/test_still_camera.py
  tests/recognizer/test_random_changes.py
)
real=(
  tests/server/rooms/test_expulsion.py::test_signing_everybody_out_empties_the_room_of_guests
  tests/server/rooms/test_viewing.py::test_on_a_real_server_nobody_sees_who_watches
)
case "$*" in
  "" | --faults) tests=("${parallel[@]}" "$@") ;;
  --quick) tests=("${parallel[@]}" "${long[@]/#/--ignore=}" "${real[@]/#/--deselect=}") ;;
  *) tests=("$@") ;;
esac

"$python" -m tests.rig.s3
checks &
printf '== tests (pytest)\n'
"$python" -m pytest "${tests[@]}" || printf 'tests (pytest)\n' >>"$failed"
wait

if [ -s "$failed" ]; then
  printf 'test.sh: failed: %s\n' "$(paste -sd, "$failed")" >&2
  exit 1
fi
printf 'test.sh: all passed\n'
