# Sourced by scripts/test, after scripts/setup.sh: stages that run beside each other.
STAGES=$(mktemp -d)
NAMES=()
GROUPS_BEGUN=()
trap end_stages EXIT

# Starts a stage: `begin NAME COMMAND...`. What it prints is kept until `finish`.
begin() {
  local name=$1 output=$STAGES/${#NAMES[@]}
  shift
  set -m # it leads a process group, which can be ended as a whole
  (
    set -e
    "$@"
  ) >"$output" 2>&1 </dev/null &
  set +m
  NAMES+=("$name")
  GROUPS_BEGUN+=($!)
}

# Waits for all stages that were begun, and prints what each said, whole. If any has failed, names those once more and
# ends the script with exit code 1.
finish() {
  local number code failed=""
  for number in "${!NAMES[@]}"; do
    code=0
    wait "${GROUPS_BEGUN[number]}" || code=$?
    step "${NAMES[number]}"
    cat "$STAGES/$number"
    if [ "$code" -ne 0 ]; then
      failed+=$(printf '\n== failed: %s (exit code %s)' "${NAMES[number]}" "$code")$'\n'
    fi
  done
  NAMES=()
  GROUPS_BEGUN=()
  if [ -n "$failed" ]; then
    printf '%s' "$failed" >&2
    exit 1
  fi
}

# Nothing that was begun outlives the script.
end_stages() {
  local group
  for group in ${GROUPS_BEGUN[@]+"${GROUPS_BEGUN[@]}"}; do
    kill -- "-$group" 2>/dev/null || true
  done
  rm -r "$STAGES"
}
