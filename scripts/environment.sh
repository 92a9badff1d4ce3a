# Read by ./variance and ./check: makes sure that .venv is what the lock file and the
# pyproject files describe. POSIX sh. Later runs pay for this file every time, so it starts
# only `cat` and `cmp`; the work of building is in build_environment.py.

# prepare_environment ROOT LEVEL, where LEVEL is `runtime` or `development`.
# Ends the script with exit code 3 when the environment cannot be built.
prepare_environment() {
    # Settings of another Python must reach neither the build nor the command.
    unset PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONEXECUTABLE __PYVENV_LAUNCHER__

    environment_root=$1
    environment_level=$2
    case $environment_level in
        runtime) environment_lock=$1/requirements.lock ;;
        development) environment_lock=$1/requirements-dev.lock ;;
    esac
    set -- "$1/scripts/build_environment.py" "$1/pyproject.toml" "$1"/plugins/*/pyproject.toml

    if [ -x "$environment_root/.venv/bin/python" ] && environment_is_current "$@"; then
        return 0
    fi
    find_python
    "$environment_python" -I "$environment_root/scripts/build_environment.py" \
        "$environment_root" "$environment_level" "$@" </dev/null 1>&2 || exit
}

# The stamp holds everything that the environment was built from, so equal bytes mean that it is
# current. Times would be cheaper by a millisecond, but a checkout or an unpacked archive sets
# them as it likes.
environment_is_current() {
    environment_stamp=$environment_root/.venv/setup/ready-$environment_level
    [ -f "$environment_stamp" ] || return 1
    if command -v cmp >/dev/null 2>&1; then
        environment_inputs "$@" | cmp -s - "$environment_stamp"
    else
        [ "$(environment_inputs "$@")" = "$(cat "$environment_stamp")" ]
    fi
}

# The root comes first because a virtual environment does not survive being moved or copied.
environment_inputs() {
    printf '%s\n' "$environment_root"
    cat "$environment_lock" "$@" 2>/dev/null
}

# Sets environment_python to the first Python that can build the environment.
find_python() {
    environment_incomplete=
    if [ -n "${VARIANCE_PYTHON:-}" ]; then
        set -- "$VARIANCE_PYTHON"
    else
        set -- python3 python3.13 python3.12 python3.11 python3.14 python
    fi
    for environment_python in "$@"; do
        "$environment_python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
            </dev/null >/dev/null 2>&1 || continue
        "$environment_python" -I -c 'import ensurepip, venv' </dev/null >/dev/null 2>&1 && return 0
        environment_incomplete=$environment_python
    done
    if [ -n "$environment_incomplete" ]; then
        echo "variance: $environment_incomplete cannot make virtual environments: its module venv or ensurepip is missing." >&2
        echo "On Debian and Ubuntu install it with: sudo apt install python3-venv" >&2
        echo "Or name another Python: VARIANCE_PYTHON=/path/to/python3" >&2
    else
        echo "variance: Python 3.11 or newer is needed; none was found (tried: $*)." >&2
        echo "Install it (your system's packages, or python.org) and run this again," >&2
        echo "or name it: VARIANCE_PYTHON=/path/to/python3" >&2
    fi
    exit 3
}
