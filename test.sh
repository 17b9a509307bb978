#!/usr/bin/env bash
# Every check: style, types, the page's modules, then all tests; the browser and server tests come last.
#   ./test.sh [pytest arguments]      for example: ./test.sh tests/faces -k encoder
#   ./test.sh --faults                the same with the proofs of tests/faults at their whole length, some 40 minutes
# All of it runs even when a part fails; the exit code and the last line tell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

./install_fix.sh --dev --if-needed
python=.venv/bin/python
node="$(./install_fix.sh --node)"
failed=()

# Runs the rest of its arguments under the name in the first, and remembers whether they failed.
check() {
  local name="$1"
  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
}

js_tests=()
while IFS= read -r file; do
  js_tests+=("$file")
done < <(find tests/js -name '*.test.js' | sort)

check "shell scripts (shellcheck)" .venv/bin/shellcheck install_fix.sh run.sh test.sh .ci/run
check "style (ruff check)" "$python" -m ruff check
check "format (ruff format)" "$python" -m ruff format --check
check "types (mypy)" "$python" -m mypy
check "types of the page (tsc)" "$node" node_modules/typescript/bin/tsc -p tsconfig.json
check "tests of the page (node)" "$node" --test --test-reporter=spec "${js_tests[@]}"
check "tests (pytest)" "$python" -m pytest "$@"

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'test.sh: failed: %s\n' "$(IFS=,; echo "${failed[*]}")" >&2
  exit 1
fi
